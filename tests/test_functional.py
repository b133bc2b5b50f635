"""Every function of fastdl.functional against the reference, over shapes, strides, paddings and dtypes."""

import math
import pickle
from itertools import product

import numpy as np
import pytest
import reference
from conftest import close
from hypothesis import given
from hypothesis import strategies as st

from fastdl import _core, get_num_threads, losses, set_num_threads
from fastdl import functional as F
from fastdl.optimizers.base import Rule

DTYPES = st.sampled_from(["float32", "float64"])
PAIRS = st.tuples(st.integers(1, 4), st.integers(1, 4))
SEEDS = st.integers(0, 10_000)


@st.composite
def images(draw, least=(1, 1), most=14):
    """(N, C, H, W), dtype, a source of numbers."""
    shape = (
        draw(st.integers(1, 5)),
        draw(st.integers(1, 19)),
        draw(st.integers(least[0], most)),
        draw(st.integers(least[1], most)),
    )
    return shape, draw(DTYPES), np.random.default_rng(draw(SEEDS))


def normal(rng, shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


@given(st.data(), PAIRS, PAIRS, st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 35))
def test_cross_correlation(data, kernel, stride, padding, filters):
    shape, dtype, rng = data.draw(images(least=kernel))
    x, bias = normal(rng, shape, dtype), normal(rng, filters, dtype)
    weight = normal(rng, (filters, shape[1], *kernel), dtype)
    y = F.cross_correlate2d(x, weight, bias, stride=stride, padding=padding)
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    close(y, reference.cross_correlate2d(x, weight, bias, stride, padding), dtype)
    dy = normal(rng, y.shape, dtype)
    channels_last = np.ascontiguousarray(dy.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    gradients = F.cross_correlate2d_backward(channels_last, x, weight, stride=stride, padding=padding)
    expected = reference.cross_correlate2d_backward(dy, x, weight, stride, padding)
    for actual, wanted in zip(gradients, expected, strict=True):
        assert actual.dtype == dtype
        assert actual.flags.c_contiguous
        close(actual, wanted, dtype)


@given(st.data(), PAIRS, PAIRS, st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_im2col_and_col2im(data, kernel, stride, padding):
    shape, dtype, rng = data.draw(images(least=kernel))
    x = normal(rng, shape, dtype)
    columns = F.im2col(x, kernel, stride=stride, padding=padding)
    assert (columns == reference.im2col(x, kernel, stride, padding)).all()
    back = F.col2im(columns, shape[2:], kernel, stride=stride, padding=padding)
    close(back, reference.col2im(columns, shape[2:], kernel, stride, padding), dtype)


@given(st.data(), PAIRS, PAIRS, st.booleans())
def test_pooling(data, size, stride, ties):
    shape, dtype, rng = data.draw(images(least=size))
    x = normal(rng, shape, dtype)
    if ties:
        x = np.round(x)
    for name in ("max", "mean"):
        forward, backward = getattr(F, f"{name}_pool2d"), getattr(F, f"{name}_pool2d_backward")
        y = forward(x, size, stride)
        close(y, getattr(reference, f"{name}_pool2d")(x, size, stride), dtype)
        dy = normal(rng, y.shape, dtype)
        close(backward(dy, x, size, stride), getattr(reference, f"{name}_pool2d_backward")(dy, x, size, stride), dtype)


# More rows than are put together at once, and rows that are more than that alone, with steps of all kinds.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 3, 150, 61), (1, 2, 9, 5003), (1, 1, 2500, 2), (3, 1, 70, 32), (5, 7, 14, 14)])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((2, 2), (2, 2), (0, 0)),
        ((3, 2), (1, 1), (2, 0)),
        ((5, 1), (2, 3), (0, 4)),
        ((4, 2), (7, 5), (9, 9)),
        ((2, 1), (1, 2), (0, 3)),
        ((1, 2), (3, 1), (40, 1)),
    ],
)
def test_planes_of_any_size(shape, kernel, stride, padding, dtype, rng):
    x = normal(rng, shape, dtype)
    columns = F.im2col(x, kernel, stride=stride, padding=padding)
    assert (columns == reference.im2col(x, kernel, stride, padding)).all()
    assert (F.max_pool2d(x, kernel, stride) == reference.max_pool2d(x, kernel, stride)).all()
    y = F.mean_pool2d(x, kernel, stride)
    close(y, reference.mean_pool2d(x, kernel, stride), dtype)
    dy = normal(rng, y.shape, dtype)
    close(F.max_pool2d_backward(dy, x, kernel, stride), reference.max_pool2d_backward(dy, x, kernel, stride), dtype)
    close(F.mean_pool2d_backward(dy, x, kernel, stride), reference.mean_pool2d_backward(dy, x, kernel, stride), dtype)
    size = (shape[2] - 1) * stride[0] + 1 + padding[0], (shape[3] - 1) * stride[1] + 1 + padding[1]
    assert (F.expand_sensitivity_map(x, stride, size) == reference.expand_sensitivity_map(x, stride, size)).all()


def test_planes_are_equal_on_any_number_of_threads(rng):
    """Shared by threads, being large: every plane by one of them."""
    x, before = normal(rng, (7, 11, 131, 117), "float32"), get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            results.append(
                [
                    F.im2col(x, 2),
                    F.max_pool2d(x, 3, 1),
                    F.mean_pool2d(x, 2, 1),
                    F.expand_sensitivity_map(x, 2),
                    F.max_pool2d_backward(x[..., :129, :115], x, 3, 1),
                    F.mean_pool2d_backward(x[..., :65, :58], x, 2),
                ]
            )
    finally:
        set_num_threads(before)
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert (one == other).all()


def test_short_calls_in_a_row_are_shared_and_equal(rng):
    """Calls that follow close on one another get threads which one alone does not."""
    x, sensitivity = normal(rng, (32, 6, 28, 28), "float32"), normal(rng, (32, 7, 13, 15), "float32")
    steps = arguments_of_step("lstm", rng, samples=37, inputs=30, units=61)
    calls = (
        lambda: F.max_pool2d(x, 2, 1),
        lambda: F.mean_pool2d(x, 2, 1),
        lambda: F.expand_sensitivity_map(sensitivity, 2),
        lambda: F.im2col(x, 2),
        lambda: np.concatenate(F.lstm_step(**steps)),
    )
    for call in calls:
        set_num_threads(1)
        alone = call()
        set_num_threads(3)
        for _ in range(20):
            assert (call() == alone).all()


def test_images_are_not_read_past_their_end():
    """What follows an image in memory is no number, and gets nowhere."""
    numbers = np.full(1000, np.nan, "float32")
    x = numbers[: 2 * 3 * 7].reshape(2, 1, 3, 7)
    x[...] = np.arange(42).reshape(x.shape)
    for size in (1, 2, 3, (3, 7)):
        for stride in (1, 2, 3):
            assert np.isfinite(F.max_pool2d(x, size, stride)).all()
            y = F.mean_pool2d(x, size, stride)
            assert np.isfinite(y).all()
            assert np.isfinite(F.max_pool2d_backward(y, x, size, stride)).all()
            assert np.isfinite(F.im2col(x, size, stride=stride, padding=1)).all()
            assert np.isfinite(F.expand_sensitivity_map(x, stride)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stride", [1, 2, 3, (2, 3), (3, 2)])
def test_a_sensitivity_map_that_is_not_finite_is_refused_wherever_that_is(stride, dtype, rng):
    delta = normal(rng, (2, 2, 3, 21), dtype)
    for bad, place in product((np.nan, np.inf, -np.inf), (0, 8, 20, 21, 62, 63, 130, delta.size - 1)):
        one = delta.copy()
        one.flat[place] = bad
        with pytest.raises(ValueError, match=f"delta must be finite in {dtype}; received NaN or infinity"):
            F.expand_sensitivity_map(one, stride)


def test_pooling_of_the_articles():
    x = np.array([[1, 5, 2, 0], [3, 4, 1, 9], [0, 2, 8, 7], [6, 1, 3, 3]], float)[None, None]
    assert F.max_pool2d(x, 2).tolist() == [[[[5, 9], [6, 8]]]]
    dx = F.max_pool2d_backward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), x, 2)
    assert dx[0, 0].tolist() == [[0, 1, 0, 0], [0, 0, 0, 2], [0, 0, 4, 0], [3, 0, 0, 0]]


@given(st.data(), PAIRS, st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_expand_sensitivity_map(data, stride, more):
    shape, dtype, rng = data.draw(images(most=8))
    delta = normal(rng, shape, dtype)
    least = tuple((shape[2 + i] - 1) * stride[i] + 1 for i in (0, 1))
    assert (F.expand_sensitivity_map(delta, stride) == reference.expand_sensitivity_map(delta, stride, least)).all()
    size = least[0] + more[0], least[1] + more[1]
    expanded = F.expand_sensitivity_map(delta, stride, size)
    assert (expanded == reference.expand_sensitivity_map(delta, stride, size)).all()


@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 70), DTYPES, SEEDS, st.booleans())
def test_dense(samples, inputs, outputs, dtype, seed, sparse):
    rng = np.random.default_rng(seed)
    x, weight, bias = (normal(rng, s, dtype) for s in ((samples, inputs), (outputs, inputs), outputs))
    if sparse:
        x[rng.random(x.shape) < 0.8] = 0
    close(F.dense(x, weight, bias), reference.dense(x, weight, bias), dtype)
    dy = normal(rng, (samples, outputs), dtype)
    for actual, wanted in zip(F.dense_backward(dy, x, weight), reference.dense_backward(dy, x, weight), strict=True):
        close(actual, wanted, dtype)


@pytest.mark.parametrize("inputs", [64, 100, 512])
def test_dense_of_rows_a_power_of_two_apart(inputs, rng):
    """Such weights are packed before use."""
    x, weight, bias = rng.standard_normal((40, inputs)), rng.standard_normal((256, inputs)), rng.standard_normal(256)
    close(F.dense(x, weight, bias), reference.dense(x, weight, bias))
    dy = rng.standard_normal((40, 256))
    for actual, wanted in zip(F.dense_backward(dy, x, weight), reference.dense_backward(dy, x, weight), strict=True):
        close(actual, wanted)


@given(st.sampled_from(sorted(reference.ACTIVATIONS)), st.integers(1, 5), st.integers(1, 40), DTYPES, SEEDS)
def test_activations(name, rows, features, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = 3 * normal(rng, (rows, features), dtype), normal(rng, (rows, features), dtype)
    y = getattr(F, name)(x)
    assert y.dtype == dtype
    close(y, reference.ACTIVATIONS[name](x.astype("float64")), dtype)
    exact = reference.activation_backward(dy.astype("float64"), y.astype("float64"), name)
    close(F.activation_backward(dy, y, name), exact, dtype)


@given(st.integers(1, 5), st.integers(1, 40), st.sampled_from([1e-3, 0.2, 1.0, 3.0]), DTYPES, SEEDS)
def test_leaky_relu(rows, features, slope, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = normal(rng, (rows, features), dtype), normal(rng, (rows, features), dtype)
    y = F.leaky_relu(x, slope)
    assert y.dtype == dtype
    close(y, reference.leaky_relu(x.astype("float64"), slope), dtype)
    exact = reference.leaky_relu_backward(dy.astype("float64"), y.astype("float64"), slope)
    close(F.activation_backward(dy, y, "leaky_relu", slope=slope), exact, dtype)


@given(st.integers(1, 5), st.integers(1, 40), st.sampled_from([1e-3, 0.2, 1.0, 3.0]), DTYPES, SEEDS)
def test_elu(rows, features, alpha, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = normal(rng, (rows, features), dtype), normal(rng, (rows, features), dtype)
    y = F.elu(x, alpha)
    assert y.dtype == dtype
    close(y, reference.elu(x.astype("float64"), alpha), dtype)
    exact = reference.elu_backward(dy.astype("float64"), y.astype("float64"), alpha)
    close(F.activation_backward(dy, y, "elu", alpha=alpha), exact, dtype)


@given(st.sampled_from(["silu", "hard_silu"]), st.integers(1, 5), st.integers(1, 40), DTYPES, SEEDS)
def test_what_is_told_from_the_input(name, rows, features, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = 3 * normal(rng, (rows, features), dtype), normal(rng, (rows, features), dtype)
    y = getattr(F, name)(x)
    assert y.dtype == dtype
    close(y, getattr(reference, name)(x.astype("float64")), dtype)
    exact = getattr(reference, f"{name}_backward")(dy.astype("float64"), x.astype("float64"))
    close(getattr(F, f"{name}_backward")(dy, x), exact, dtype)


@given(st.integers(1, 5), st.integers(1, 40), DTYPES, SEEDS)
def test_gelu(rows, features, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = 3 * normal(rng, (rows, features), dtype), normal(rng, (rows, features), dtype)
    y = F.gelu(x)
    assert y.dtype == dtype
    close(y, reference.gelu(x.astype("float64")), dtype)
    close(F.gelu_backward(dy, x), reference.gelu_backward(dy.astype("float64"), x.astype("float64")), dtype)


def test_gradients_of_leaky_relu_and_gelu_are_the_slopes(rng):
    x, h = rng.standard_normal(101), 1e-6
    leaky = F.activation_backward(np.ones_like(x), F.leaky_relu(x, 0.3), "leaky_relu", slope=0.3)
    np.testing.assert_allclose(leaky, (F.leaky_relu(x + h, 0.3) - F.leaky_relu(x - h, 0.3)) / (2 * h), atol=1e-8)
    slopes = F.gelu_backward(np.ones_like(x), x)
    np.testing.assert_allclose(slopes, (F.gelu(x + h) - F.gelu(x - h)) / (2 * h), atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_ends_of_gelu(dtype):
    x = np.array([-np.inf, -1e30, 0, 1e30, np.inf], dtype)
    core = _core.load(dtype)
    assert core.activation_forward("gelu", 0, x[None]).tolist() == [[0, 0, 0, x[3], np.inf]]
    slopes = core.activation_backward("gelu", 0, np.ones_like(x)[None], x[None])
    np.testing.assert_allclose(slopes, [[0, 0, 0.5, 1, 1]], rtol=1e-6)


@pytest.mark.parametrize("name", ["elu", "selu", "softplus", "silu", "hard_sigmoid", "hard_tanh", "relu6", "hard_silu"])
def test_gradients_are_the_slopes(name):
    """Away from corners, which lie between these numbers."""
    x, h = np.linspace(-4.03, 3.98, 301), 1e-6
    f, ones = getattr(F, name), np.ones(301)
    slopes = getattr(F, f"{name}_backward")(ones, x) if "silu" in name else F.activation_backward(ones, f(x), name)
    np.testing.assert_allclose(slopes, (f(x + h) - f(x - h)) / (2 * h), atol=1e-8)


ENDS = {  # at -inf, -1e30, 0, 1e30 and inf
    "elu": ([-1, -1, 0, 1e30, np.inf], [0, 0, 1, 1, 1]),
    "selu": ([-1.7580993, -1.7580993, 0, 1.050701e30, np.inf], [0, 0, 1.7580993, 1.050701, 1.050701]),
    "softplus": ([0, 0, math.log(2), 1e30, np.inf], [0, 0, 0.5, 1, 1]),
    "silu": ([0, 0, 0, 1e30, np.inf], [0, 0, 0.5, 1, 1]),
    "hard_sigmoid": ([0, 0, 0.5, 1, 1], [0, 0, 1 / 6, 0, 0]),
    "hard_tanh": ([-1, -1, 0, 1, 1], [0, 0, 1, 0, 0]),
    "relu6": ([0, 0, 0, 6, 6], [0, 0, 0, 0, 0]),
    "hard_silu": ([0, 0, 0, 1e30, np.inf], [0, 0, 0.5, 1, 1]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ENDS)
def test_the_ends(name, dtype):
    x = np.array([[-np.inf, -1e30, 0, 1e30, np.inf]], dtype)
    setting, core, (ends, slopes) = float(name == "elu"), _core.load(dtype), ENDS[name]
    y = core.activation_forward(name, setting, x)
    np.testing.assert_allclose(y, [ends], rtol=1e-6)
    seen = x if "silu" in name else y
    found = core.activation_backward(name, setting, np.ones_like(x), seen)
    np.testing.assert_allclose(found, [slopes], rtol=1e-6, atol=1e-6)


class Hinge(losses.SquaredError):
    name = "hinge"


def test_what_no_table_has_a_row_for_is_an_error():
    core = _core.load("float32")
    with pytest.raises(ValueError, match=r"must be one of identity, .*; received 'swish'"):
        core.activation_forward("swish", 0, np.ones((1, 3), "float32"))
    with pytest.raises(ValueError, match=r"must be one of squared_error, .*, poisson; received 'hinge'"):
        core.losses_of_rows(Hinge(), *[np.ones((1, 3), "float32")] * 2, None, 1)
    vectors = [core.aligned_zeros(3) for _ in range(3)]
    with pytest.raises(ValueError, match=r"must be one of none, sgd, .*; received 'unheard'"):
        core.optimizer_step(Rule("unheard"), 0.1, 1, *vectors[:2], vectors[2][None])
    with pytest.raises(ValueError, match=r"moments must have shape \(2, 3\); received \(1, 3\)"):
        core.optimizer_step(Rule("adam"), 0.1, 1, *vectors[:2], vectors[2][None])
    with pytest.raises(ValueError, match=r"moments must have shape \(0, 3\); received \(1, 2\)"):
        core.optimizer_step(Rule("sgd"), 0.1, 1, *vectors[:2], vectors[2][None, :2])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4, 5)])
def test_activations_take_any_shape(shape, rng):
    x = rng.standard_normal(shape)
    assert F.gelu(x).shape == F.gelu_backward(x, x).shape == F.leaky_relu(x).shape == shape
    for name in reference.ACTIVATIONS:
        y = getattr(F, name)(x)
        assert y.shape == shape
        if shape:
            close(y, reference.ACTIVATIONS[name](x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "exact"), [("sigmoid", lambda x: 1 / (1 + np.exp(-x))), ("tanh", np.tanh)])
def test_sigmoid_and_tanh_to_a_few_ulp(name, exact, dtype):
    """Over the whole range, against twice the precision."""
    x = np.concatenate([np.linspace(-90, 90, 100_001), np.geomspace(1e-30, 1, 1001), -np.geomspace(1e-30, 1, 1001)])
    x = x.astype(dtype)
    with np.errstate(over="ignore"):
        wanted = exact(x.astype(np.longdouble))
    y = getattr(F, name)(x)
    ulp = np.spacing(np.abs(wanted).astype(dtype)).astype(np.longdouble)
    normal_range = np.abs(wanted) > 4 * np.finfo(dtype).tiny
    assert (np.abs(y - wanted) / ulp)[normal_range].max() < 4


def test_softmax_of_the_largest_numbers():
    y = F.softmax(np.array([[3e38, -3e38, 3e38]], "float32"))
    assert y.tolist() == [[0.5, pytest.approx(0, abs=1e-37), 0.5]]


@given(st.integers(1, 9), st.integers(2, 40), DTYPES, SEEDS)
def test_losses(samples, outputs, dtype, seed):
    rng = np.random.default_rng(seed)
    y, target = normal(rng, (samples, outputs), dtype), normal(rng, (samples, outputs), dtype)
    assert F.squared_error(y, target) == pytest.approx(reference.squared_error(y, target), rel=1e-5)
    close(F.squared_error_backward(y, target), reference.squared_error_backward(y, target), dtype)
    labels = rng.integers(0, outputs, samples)
    for t in (labels, reference.softmax(target.astype("float64"))):
        assert F.cross_entropy(y, t) == pytest.approx(reference.cross_entropy(y, t), rel=1e-5)
        close(F.cross_entropy_backward(y, t), reference.cross_entropy_backward(y, t), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_of_saturated_logits_are_finite(dtype):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype)
    assert F.cross_entropy(logits, [0, 0]) == pytest.approx(1e4)
    close(F.cross_entropy_backward(logits, [0, 0]), np.array([[0, 0, 0], [-0.5, 0.5, 0]]), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_logits_further_apart_than_a_number_can_be(dtype):
    """What is not there costs nothing, however unlikely it is, and what is there costs what its label does."""
    most = np.finfo(dtype).max
    logits = np.array([[most, -most, 0, 1, 2]], dtype)
    there = np.eye(5)[[0]]
    assert F.cross_entropy(logits, there) == 0
    assert (F.cross_entropy_backward(logits, there) == 0).all()
    if dtype == "float32":
        for target in (np.eye(5)[[1]], [[0.5, 0.25, 0.25, 0, 0]]):
            wanted = reference.cross_entropy(logits.astype(float), np.array(target))
            assert F.cross_entropy(logits, target) == pytest.approx(wanted)


@given(st.integers(1, 70), DTYPES, SEEDS, st.sampled_from([(0.0, False), (0.9, False), (0.9, True)]), st.booleans())
def test_sgd(size, dtype, seed, momentum, decay):
    rng = np.random.default_rng(seed)
    p, g, v = (normal(rng, size, dtype) for _ in range(3))
    arguments = {"lr": 0.1, "momentum": momentum[0], "nesterov": momentum[1], "weight_decay": 0.01 * decay}
    wanted = reference.sgd_step(p, g, v, **arguments)
    F.sgd_step(p, g, v, **arguments)
    close(p, wanted[0], dtype)
    if momentum[0]:
        close(v, wanted[1], dtype)


@given(st.integers(1, 70), DTYPES, SEEDS, st.integers(1, 1000), st.booleans())
def test_adam(size, dtype, seed, step, decay):
    rng = np.random.default_rng(seed)
    p, g, m = (normal(rng, size, dtype) for _ in range(3))
    v = normal(rng, size, dtype) ** 2
    wanted = reference.adam_step(p, g, m, v, step=step, lr=0.1, weight_decay=0.01 * decay)
    F.adam_step(p, g, m, v, step=step, lr=0.1, weight_decay=0.01 * decay)
    for actual, expected in zip((p, m, v), wanted, strict=True):
        close(actual, expected, dtype)


def test_steps_reach_every_element_of_any_layout(rng):
    p = np.asfortranarray(rng.standard_normal((5, 7)))[::2]
    g = rng.standard_normal(p.shape)
    wanted = p - 0.5 * g
    F.sgd_step(p, g, lr=0.5)
    close(p, wanted)
    both = np.ones((5, 2))  # every other number belongs to the velocity
    F.sgd_step(both[:, 0], np.ones(5), both[:, 1], lr=0.5, momentum=0.5)
    close(both, np.tile([0.25, 1.5], (5, 1)))


def test_integers_become_float32():
    assert F.relu(np.arange(-2, 3)).dtype == np.float32
    assert F.dense([[1, 2]], np.ones((3, 2))).dtype == np.float64
    x = np.ones((2, 3), np.float32)
    assert F.rnn_step(x, np.ones((2, 4)), np.ones((4, 3), np.float32), np.eye(4), activation=None).dtype == float
    assert F.rnn_step(x, x, np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)).dtype == np.float32
    assert F.dense(x, np.ones((2, 3), np.float32), np.ones(2)).dtype == np.float32
    assert F.activation_backward(np.ones((2, 3)), x, "relu").dtype == np.float32


STEPS = {
    "rnn": (1, F.rnn_step, F.rnn_step_backward, {}),
    "lstm": (4, F.lstm_step, F.lstm_step_backward, {}),
    "gru_after": (3, F.gru_step, F.gru_step_backward, {}),
    "gru_before": (3, F.gru_step, F.gru_step_backward, {"reset_after": False}),
}


@given(
    st.sampled_from(sorted(STEPS)),
    st.one_of(st.integers(1, 9), st.integers(10, 110)),
    st.integers(1, 20),
    st.integers(1, 40),
    DTYPES,
    st.booleans(),
    SEEDS,
)
def test_steps_in_time(cell, samples, inputs, units, dtype, biased, seed):
    gates, step, backward, options = STEPS[cell]
    rng = np.random.default_rng(seed)
    shapes = {"weight_ih": (gates * units, inputs), "weight_hh": (gates * units, units)}
    if biased:
        shapes.update(bias_ih=(gates * units,), bias_hh=(gates * units,))
    weights = {name: normal(rng, shape, dtype) / 2 for name, shape in shapes.items()}
    x, h, c = (
        normal(rng, (samples, inputs), dtype),
        normal(rng, (samples, units), dtype),
        normal(rng, (samples, units), dtype),
    )
    states = (h, c) if cell == "lstm" else (h,)

    def reference_step(x, states, weights):
        return reference.recurrent_cell(
            cell, x, states[0], states[-1], {"bias_ih": 0, "bias_hh": np.zeros(gates * units), **weights}
        )

    actual = step(x, *states, **weights, **options)
    for one, other in zip(actual if cell == "lstm" else (actual,), reference_step(x, states, weights), strict=False):
        assert one.dtype == dtype
        close(one, other, dtype)
    directions = [normal(rng, h.shape, dtype) for _ in states]
    gradients = backward(*directions, x, *states, **weights, **options)
    assert len(gradients) == 5 + len(states)
    names = ["x", *("hc"[: len(states)]), "weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    double = {name: a.astype(float) for name, a in {"x": x, "h": h, "c": c, **weights}.items()}

    def objective():
        y = reference_step(double["x"], [double[k] for k in "hc"[: len(states)]], {k: double[k] for k in weights})
        return sum((one * d).sum() for one, d in zip(y, directions, strict=False))

    for name, gradient in zip(names, gradients, strict=True):
        if name not in double:
            continue
        assert gradient.shape == double[name].shape
        index = tuple(rng.integers(gradient.shape))
        before = double[name][index]
        double[name][index] = before + 1e-5
        above = objective()
        double[name][index] = before - 1e-5
        below = objective()
        double[name][index] = before
        difference = (above - below) / 2e-5
        assert abs(gradient[index] - difference) < (2e-4 if dtype == "float32" else 1e-7) * max(1, abs(gradient).max())


def arguments_of_step(cell, rng, samples=3, inputs=5, units=4):
    """x, the states, weight_ih, weight_hh, bias_ih and bias_hh by name."""
    rows, states = STEPS[cell][0] * units, ("h", "c") if cell == "lstm" else ("h",)
    shapes = {"x": (samples, inputs), **dict.fromkeys(states, (samples, units))}
    shapes |= {"weight_ih": (rows, inputs), "weight_hh": (rows, units), "bias_ih": (rows,), "bias_hh": (rows,)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("samples", [33, 97])
@pytest.mark.parametrize("cell", STEPS)
def test_steps_are_equal_on_any_number_of_threads(cell, samples, rng):
    """Large enough to be shared: and no sample, in whatever group it is, adds up in another order than others do."""
    _, step, _, options = STEPS[cell]
    given = {name: a.astype("float32") for name, a in arguments_of_step(cell, rng, samples, 41, 487).items()}
    results = []
    for threads in (1, 2, 3, 7, 64):
        set_num_threads(threads)
        results.append(np.asarray(step(**given, **options)))
    assert all((other == results[0]).all() for other in results)
    few = {name: a[-5:] if name in ("x", "h", "c") else a for name, a in given.items()}
    assert (np.asarray(step(**few, **options)) == results[0][..., -5:, :]).all()


@pytest.mark.parametrize("samples", [1, 3, 4, 50])
@pytest.mark.parametrize("cell", STEPS)
def test_steps_find_what_is_not_finite_wherever_it_is(cell, samples, rng):
    """Also where what it is multiplied with is zero."""
    _, step, _, options = STEPS[cell]
    given = arguments_of_step(cell, rng, samples)
    given["x"][:, 1] = given["h"][:, 1] = 0
    for name, array in given.items():
        for place in (0, 1, -1):
            for bad in (np.nan, np.inf, -np.inf):
                kept, array.flat[place] = array.flat[place], bad
                with pytest.raises(ValueError, match=f"{name} must be finite in float64"):
                    step(**given, **options)
                array.flat[place] = kept
    step(**given, **options)


@pytest.mark.parametrize("samples", [1, 40])
@pytest.mark.parametrize("cell", STEPS)
def test_steps_whose_sums_overflow_are_taken(cell, samples, rng):
    _, step, _, options = STEPS[cell]
    given = arguments_of_step(cell, rng, samples)
    given["x"][...] = given["weight_ih"][...] = 1e200
    h = step(**given, **options)
    assert (np.abs(h[0] if cell == "lstm" else h) <= np.abs(given["h"]) + 1).all()


@pytest.mark.parametrize("samples", [1, 6])
@pytest.mark.parametrize("cell", STEPS)
def test_steps_take_arrays_of_any_kind(cell, samples, rng):
    _, step, _, options = STEPS[cell]
    given = arguments_of_step(cell, rng, samples)
    wanted = np.asarray(step(**given, **options))
    unaligned = {name: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(float) for name, a in given.items()}
    for others in (
        {name: a.tolist() for name, a in given.items()},
        {name: np.asfortranarray(a) for name, a in given.items()},
        {name: a.astype(">f8") for name, a in given.items()},
        {name: np.repeat(a, 2, axis=-1)[..., ::2] for name, a in given.items()},
        {name: a.reshape(given[name].shape) for name, a in unaligned.items()},
        {**given, "x": given["x"].tolist()},
        {**given, "weight_hh": pickle.loads(pickle.dumps(given["weight_hh"]))},
    ):
        assert (np.asarray(step(**others, **options)) == wanted).all()
    for name in given:
        with pytest.raises(ValueError, match=f"{name} must have shape"):
            step(**{**given, name: given[name][None]}, **options)
        with pytest.raises(ValueError, match=r"must have shape|must not be empty"):
            step(**{**given, name: given[name][:0]}, **options)
    del given["bias_ih"], given["bias_hh"]
    unbiased = step(**given, **options)
    zeros = dict.fromkeys(("bias_ih", "bias_hh"), np.zeros(len(given["weight_ih"])))
    assert (np.asarray(unbiased) == step(**given, **zeros, **options)).all()
