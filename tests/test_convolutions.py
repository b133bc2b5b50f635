"""Convolutions of all geometries beside the reference, and some beside PyTorch's.

What PyTorch 2.13 gave is in pytorch_convolutions.json. With PyTorch installed, ``python tests/test_convolutions.py``
writes that file again.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import close

from fastdl import Sequential, layers, optimizers

RECORDED = Path(__file__).with_name("pytorch_convolutions.json")
GEOMETRIES = 40


def drawn(rng):
    """A convolution of images, any stride, dilation, groups and padding, and the shape of its samples."""
    groups = int(rng.choice([1, 1, 2, 3, 5, 8, 17]))
    channels, filters = (groups * int(rng.choice([1, 1, 2, 3, 5])) for _ in "cf")
    while True:
        size, kernel = rng.integers(1, 15, 2), rng.integers(1, 6, 2)
        stride, dilation, padding = rng.integers(1, 4, 2), rng.integers(1, 4, 2), rng.integers(0, 3, 2)
        if ((kernel - 1) * dilation < size + 2 * padding).all():
            break
    kernel, stride, dilation, padding = (tuple(map(int, n)) for n in (kernel, stride, dilation, padding))
    settings = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
    if rng.random() < 0.3:
        settings["padding"] = "same"
        if any((k - 1) * d >= n for k, d, n in zip(kernel, dilation, size, strict=True)):
            settings["padding"] = tuple((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
    return (filters, kernel, settings), (channels, *map(int, size))


def built(layer, shape, dtype, rng):
    layer.build(shape, dtype=dtype, seed=0)
    layer.params["bias"][...] = rng.standard_normal(layer.params["bias"].shape)
    return layer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", range(GEOMETRIES))
def test_any_geometry(number, dtype):
    rng = np.random.default_rng(number)
    (filters, kernel, settings), shape = drawn(rng)
    layer = built(layers.Conv2D(filters, kernel, **settings), shape, dtype, rng)
    x = rng.standard_normal((3, *shape)).astype(dtype)
    y = layer.forward(x)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx, weight = layer.backward(dy), layer.params["weight"]
    assert weight.shape == (filters, shape[0] // settings["groups"], *kernel)
    if settings["padding"] == "same":
        assert y.shape[2:] == tuple(-(-n // step) for n, step in zip(shape[1:], layer.stride, strict=True))
        padding = reference.same_padding(shape[1:], kernel, layer.stride, layer.dilation)
    else:
        padding = settings["padding"]
    geometry = layer.stride, padding, layer.dilation, layer.groups
    close(y, reference.cross_correlate2d(x, weight, layer.params["bias"], *geometry), dtype)
    expected = reference.cross_correlate2d_backward(dy, x, weight, *geometry)
    for one, other in zip((dx, layer.grads["weight"], layer.grads["bias"]), expected, strict=True):
        close(one, other, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("stride", [2, (1, 3), (4, 1)], ids=str)
@pytest.mark.parametrize("channels", [2, 9, 16, 35])
def test_pixels_that_windows_pass_over(channels, stride, padding, dtype, rng):
    layer = built(layers.Conv2D(19, 1, stride=stride, padding=padding), (channels, 7, 10), dtype, rng)
    x = rng.standard_normal((3, channels, 7, 10)).astype(dtype)
    y, geometry = layer.forward(x), (layer.stride, (padding, padding))
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx, (weight, bias) = layer.backward(dy), layer.params.values()
    close(y, reference.cross_correlate2d(x, weight, bias, *geometry), dtype)
    expected = reference.cross_correlate2d_backward(dy, x, weight, *geometry)
    for one, other in zip((dx, layer.grads["weight"], layer.grads["bias"]), expected, strict=True):
        close(one, other, dtype)


@pytest.mark.parametrize("number", range(0, GEOMETRIES, 2))
def test_a_step_goes_down_the_gradient(number):
    """In training, with what runs before and after it."""
    rng = np.random.default_rng(number)
    (filters, kernel, settings), (channels, *size) = drawn(rng)
    made, by_hand = (
        Sequential(
            [layers.Conv2D(channels, 1), layers.Conv2D(filters, kernel, **settings, activation="tanh"),
             layers.MeanPool2D(1), layers.Flatten(), layers.Dense(2)],
            input_shape=(2, *size), dtype="float64", seed=0,
        )
        for _ in range(2)
    )  # fmt: skip
    x, target = rng.standard_normal((11, 2, *size)), rng.standard_normal((11, 2))
    by_hand.backward((by_hand.forward(x) - target) / 11)
    made.fit(x, target, batch_size=11, loss="squared_error", optimizer=optimizers.SGD(0.1), verbose=0)
    close(made.parameters, by_hand.parameters - 0.1 * by_hand.gradients)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", range(GEOMETRIES))
def test_any_transposed_geometry(number, dtype):
    rng = np.random.default_rng(number)
    channels, filters = (int(rng.choice([1, 2, 3, 5, 8, 17, 33])) for _ in "cf")
    size, kernel, stride = rng.integers(1, 9, 2), rng.integers(1, 6, 2), rng.integers(1, 5, 2)
    extra = rng.integers(0, stride)
    padding = np.minimum(rng.integers(0, 4, 2), ((size - 1) * stride + kernel - 1) // 2)
    kernel, stride, padding, extra = (tuple(map(int, n)) for n in (kernel, stride, padding, extra))
    layer = layers.ConvTranspose2D(filters, kernel, stride=stride, padding=padding, output_padding=extra)
    built(layer, (channels, *map(int, size)), dtype, rng)
    x = rng.standard_normal((3, *layer.input_shape)).astype(dtype)
    y, (weight, bias) = layer.forward(x), layer.params.values()
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx = layer.backward(dy)
    assert weight.shape == (channels, filters, *kernel)
    close(y, reference.transposed2d(x, weight, bias, stride, padding, extra), dtype)
    expected = reference.transposed2d_backward(dy, x, weight, stride, padding)
    for one, other in zip((dx, layer.grads["weight"], layer.grads["bias"]), expected, strict=True):
        close(one, other, dtype)


def drawn_in_time(rng):
    """A convolution of sequences, and the shape of its samples."""
    groups = int(rng.choice([1, 1, 1, 2, 3, 16, 17]))
    features, filters = (groups * int(rng.choice([1, 1, 2, 5, 16])) for _ in "cf")
    while True:
        steps, kernel, stride, dilation, padding = (int(rng.integers(1, n)) for n in (40, 10, 5, 4, 5))
        if (kernel - 1) * dilation < steps:
            break
    settings = {"stride": stride, "dilation": dilation, "groups": groups}
    settings["padding"] = [padding - 1, padding - 1, "same", "causal"][rng.integers(4)]
    return (filters, kernel, settings), (steps, features)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", range(GEOMETRIES))
def test_any_geometry_in_time(number, dtype):
    """The same of one image of height 1."""
    rng = np.random.default_rng(number)
    (filters, kernel, settings), (steps, features) = drawn_in_time(rng)
    layer = built(layers.Conv1D(filters, kernel, **settings), (steps, features), dtype, rng)
    x = rng.standard_normal((3, steps, features)).astype(dtype)
    y = layer.forward(x)
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx, weight, padding = layer.backward(dy), layer.params["weight"], settings["padding"]
    assert weight.shape == (filters, features // settings["groups"], kernel)
    if padding in ("same", "causal"):
        assert y.shape[1] == -(-steps // layer.stride)
    if padding == "same":
        _, padding = reference.same_padding((1, steps), (1, kernel), (1, layer.stride), (1, layer.dilation))
    elif padding == "causal":
        padding = (kernel - 1) * layer.dilation, 0
    geometry = (1, layer.stride), (0, padding), (1, layer.dilation), layer.groups

    def as_image(sequences):
        return sequences.transpose(0, 2, 1)[:, :, None]

    close(
        as_image(y),
        reference.cross_correlate2d(as_image(x), weight[:, :, None], layer.params["bias"], *geometry),
        dtype,
    )
    expected = reference.cross_correlate2d_backward(as_image(dy), as_image(x), weight[:, :, None], *geometry)
    for one, other in zip(
        (as_image(dx), layer.grads["weight"][:, :, None], layer.grads["bias"]), expected, strict=True
    ):
        close(one, other, dtype)


def test_a_causal_one_sees_no_later_step(rng):
    net = Sequential(
        [layers.Conv1D(4, 3, padding="causal", dilation=2, activation="tanh"), layers.Conv1D(2, 4, padding="causal")],
        input_shape=(None, 3), seed=0,
    )  # fmt: skip
    x = rng.standard_normal((2, 9, 3))
    whole = net.predict(x)
    for steps in range(1, 10):
        close(net.predict(x[:, :steps]), whole[:, :steps], "float32")


@pytest.mark.parametrize("padding", ["same", "causal"])
def test_a_shorter_sequence_is_as_it_would_be_alone(padding, rng):
    """Wherever it is said how many steps count: what lies behind them is zeros for a convolution."""
    net = Sequential(
        [layers.Conv1D(5, 4, padding=padding, activation="sigmoid"), layers.BatchNorm(),
         layers.Residual([layers.Conv1D(5, 3, padding=1, dilation=1), layers.Dropout(0.0)]), layers.LSTM(3)],
        input_shape=(None, 3), dtype="float64", seed=0,
    )  # fmt: skip
    x, dy = rng.standard_normal((6, 9, 3)), rng.standard_normal((6, 3))
    lengths = np.array([9, 1, 4, 2, 8, 5])
    y = net.forward(x, lengths=lengths)
    dx, gradients = net.backward(dy), net.gradients.copy()
    total = np.zeros_like(gradients)
    for i, length in enumerate(lengths):
        close(net.forward(x[i : i + 1, :length]), y[i : i + 1])
        close(net.backward(dy[i : i + 1]), dx[i : i + 1, :length])
        assert not dx[i, length:].any()
        total += net.gradients
    close(gradients, total)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [layers.Conv1D(2, 3)],
        lambda: [layers.Conv1D(2, 3), layers.Conv1D(2, 3, padding=2)],
        lambda: [layers.Conv1D(2, 3, padding="same", stride=2)],
        lambda: [layers.MaxPool1D(2), layers.Flatten()],
        lambda: [layers.MeanPool1D(2, 1), layers.LSTM(3)],
        lambda: [layers.Residual([layers.Conv1D(3, 2, padding="same")]), layers.Conv1D(2, 1, padding=1)],
    ],
)  # fmt: skip
def test_lengths_are_refused_where_steps_become_others(make, rng):
    net = Sequential(make(), input_shape=(4, 3), seed=0)
    x = rng.standard_normal((2, 4, 3))
    message = r"lengths must be None for samples where a layer changes their steps, \(4, 3\); received \[4, 1\]"
    for use in (net.predict, net.forward, lambda x, lengths: net.fit(x, [0, 1], lengths=lengths)):
        with pytest.raises(ValueError, match=message):
            use(x, lengths=[4, 1])


def test_any_number_of_steps(rng):
    net = Sequential(
        [layers.Conv1D(4, 3, stride=2, padding="same"), layers.MaxPool1D(2), layers.Conv1D(3, 2), layers.GRU(2)],
        input_shape=(None, 5), seed=0,
    )  # fmt: skip
    assert [layer.output_shape for layer in net.layers] == [(None, 4), (None, 4), (None, 3), (2,)]
    x = rng.standard_normal((2, 40, 5)).astype("float32")
    for steps in (7, 8, 23, 40):
        fixed = Sequential(
            [layers.Conv1D(4, 3, stride=2, padding="same"), layers.MaxPool1D(2), layers.Conv1D(3, 2), layers.GRU(2)],
            input_shape=(steps, 5), seed=0,
        )  # fmt: skip
        assert (net.predict(x[:, :steps]) == fixed.predict(x[:, :steps])).all()
    with pytest.raises(
        ValueError, match=r"layers.2.*kernel_size must fit into the padded input of 1 steps; received 2"
    ):
        net.predict(x[:, :6])
    with pytest.raises(ValueError, match=r"layers.1.*size must fit into the input of 1 steps; received 2"):
        net.predict(x[:, :2])


def test_what_is_left_over_is_below_and_right():
    layer = layers.Conv2D(1, 2, padding="same", initializer="zeros").build((1, 3, 4), dtype="float64")
    layer.params["weight"][0, 0] = [[1, 10], [100, 1000]]
    x = np.arange(1.0, 13).reshape(1, 1, 3, 4)
    around = np.pad(x[0, 0], ((0, 1), (0, 1)))
    expected = around[:-1, :-1] + 10 * around[:-1, 1:] + 100 * around[1:, :-1] + 1000 * around[1:, 1:]
    assert (layer.forward(x)[0, 0] == expected).all()


# Of each a layer, the shape of its samples, and the same of PyTorch's.
BESIDE = {
    "dilated": (lambda: layers.Conv2D(3, (2, 3), stride=(2, 1), padding=(1, 2), dilation=(3, 2)), (2, 6, 5),
                lambda nn: nn.Conv2d(2, 3, (2, 3), (2, 1), (1, 2), (3, 2))),
    "same": (lambda: layers.Conv2D(2, (4, 3), padding="same", dilation=(1, 2)), (2, 5, 4),
             lambda nn: nn.Conv2d(2, 2, (4, 3), padding="same", dilation=(1, 2))),
    "groups": (lambda: layers.Conv2D(4, 2, groups=2, stride=2), (6, 4, 5),
               lambda nn: nn.Conv2d(6, 4, 2, 2, groups=2)),
    "depthwise": (lambda: layers.Conv2D(3, (3, 2), groups=3, padding=1, stride=(1, 2)), (3, 4, 5),
                  lambda nn: nn.Conv2d(3, 3, (3, 2), (1, 2), 1, groups=3)),
    "transposed": (lambda: layers.ConvTranspose2D(3, (3, 2), stride=(2, 3), padding=1, output_padding=(1, 2)),
                   (2, 3, 4), lambda nn: nn.ConvTranspose2d(2, 3, (3, 2), (2, 3), 1, (1, 2))),
    "in time": (lambda: layers.Conv1D(3, 4, stride=2, padding=3, dilation=2), (7, 2),
                lambda nn: nn.Conv1d(2, 3, 4, 2, 3, 2)),
    "in time, groups, same": (lambda: layers.Conv1D(4, 3, padding="same", groups=2), (5, 2),
                              lambda nn: nn.Conv1d(2, 4, 3, padding="same", groups=2)),
    "max pool in time": (lambda: layers.MaxPool1D(3, 2), (8, 2), lambda nn: nn.MaxPool1d(3, 2)),
    "mean pool in time": (lambda: layers.MeanPool1D(2), (7, 3), lambda nn: nn.AvgPool1d(2)),
    "depthwise, several filters": (lambda: layers.Conv2D(6, 2, groups=2, dilation=2), (2, 4, 5),
                                   lambda nn: nn.Conv2d(2, 6, 2, groups=2, dilation=2)),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_the_same_numbers_as_pytorch(name):
    make, shape, _ = BESIDE[name]
    given = {key: np.array(values) for key, values in json.loads(RECORDED.read_text())[name].items()}
    layer = make().build(shape, dtype="float64")
    for key, values in layer.params.items():
        values[...] = given[key]
    np.testing.assert_allclose(layer.forward(given["x"]), given["y"], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.backward(given["dy"]), given["dx"], rtol=1e-12, atol=1e-14)
    for key, values in layer.grads.items():
        np.testing.assert_allclose(values, given[f"d{key}"], rtol=1e-12, atol=1e-14)


def record():
    import torch

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    cases = {}
    for name, (_, shape, make) in BESIDE.items():
        module, x = make(torch.nn), torch.randn(2, *shape, requires_grad=True)
        y = module(x.mT).mT if len(shape) == 2 else module(x)  # which has steps last
        dy = torch.randn_like(y)
        y.backward(dy)
        case = {"x": x, "y": y, "dy": dy, "dx": x.grad, **dict(module.named_parameters())}
        case |= {f"d{key}": values.grad for key, values in module.named_parameters()}
        cases[name] = {key: values.detach().tolist() for key, values in case.items()}
    RECORDED.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    record()
