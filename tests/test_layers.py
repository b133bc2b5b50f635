"""One contract, which every layer keeps."""

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, gradient_check, initializers, layers

# A name, a maker, and the shape of a sample.
CASES = {
    "dense": (lambda: layers.Dense(7), (13,)),
    "dense relu": (lambda: layers.Dense(33, "relu"), (64,)),
    "dense wide": (lambda: layers.Dense(256, "tanh"), (96,)),
    "dense softmax": (lambda: layers.Dense(5, "softmax"), (4,)),
    "convolution": (lambda: layers.Conv2D(6, 3), (2, 9, 8)),
    "convolution of one channel": (lambda: layers.Conv2D(6, 5, padding=2, activation="relu"), (1, 12, 11)),
    "convolution, stride": (lambda: layers.Conv2D(19, (2, 3), stride=(2, 3), activation="tanh"), (3, 7, 11)),
    "convolution, padding": (lambda: layers.Conv2D(17, (3, 2), padding=(2, 1), activation="sigmoid"), (5, 6, 7)),
    "convolution, gaps": (lambda: layers.Conv2D(4, 1, stride=3), (2, 8, 7)),
    "max pool": (lambda: layers.MaxPool2D(2), (6, 8, 8)),
    "max pool, odd": (lambda: layers.MaxPool2D(2), (3, 7, 9)),
    "max pool, overlapping": (lambda: layers.MaxPool2D(3, 2), (17, 9, 8)),
    "max pool, gaps": (lambda: layers.MaxPool2D((1, 2), 3), (2, 8, 9)),
    "max pool of one channel": (lambda: layers.MaxPool2D(2), (1, 6, 34)),
    "max pool of one channel, odd": (lambda: layers.MaxPool2D(2), (1, 7, 21)),
    "mean pool of one channel, odd": (lambda: layers.MeanPool2D(2), (1, 5, 37)),
    "mean pool": (lambda: layers.MeanPool2D(2), (6, 8, 8)),
    "mean pool, overlapping": (lambda: layers.MeanPool2D((2, 3), 1), (5, 6, 7)),
    "flatten": (lambda: layers.Flatten(), (3, 4, 5)),
    "flatten one channel": (lambda: layers.Flatten(), (1, 4, 5)),
    "flatten one pixel": (lambda: layers.Flatten(), (6, 1, 1)),
    "flatten steps": (lambda: layers.Flatten(), (7, 3)),
    "flatten one step": (lambda: layers.Flatten(), (1, 5)),
    "flatten what is flat": (lambda: layers.Flatten(), (5,)),
    "activation": (lambda: layers.Activation("sigmoid"), (3, 4, 5)),
    "softmax": (lambda: layers.Activation("softmax"), (9,)),
    "random shift": (lambda: layers.RandomShift(2), (2, 6, 7)),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


@pytest.fixture
def x(case, rng):
    return rng.standard_normal((35, *case[1]))


def built(case, dtype="float64"):
    make, shape = case
    return make().build(shape, dtype=dtype, seed=1)


def run(layer, x, dy):
    """Everything that a layer computes."""
    y = layer.forward(x)
    dx = layer.backward(dy)
    return y, dx, *(g.copy() for g in layer.grads.values())


def upstream(layer, samples=35):
    return np.random.default_rng(1).standard_normal((samples, *layer.output_shape))


def test_gradients(case, rng):
    layer = built(case)
    assert gradient_check(layer, rng.standard_normal((3, *case[1])), limit=200) < 1e-6


def test_alone_as_in_a_network(case, x):
    alone = built(case)
    net = Sequential([case[0]()], input_shape=case[1], dtype="float64")
    for name, values in alone.params.items():
        net.params[f"0.{name}"][...] = values
    dy = upstream(alone)
    for one, other in zip(run(alone, x, dy), run(net, x, dy), strict=True):
        assert (one == other).all()
    assert (net.predict(x) == net.forward(x)).all()


def test_a_batch_as_its_samples(case, x):
    layer = built(case)
    dy = upstream(layer)
    y, dx, *gradients = run(layer, x, dy)
    total = [np.zeros_like(g) for g in gradients]
    for i in range(len(x)):
        y_one, dx_one, *gradients_one = run(layer, x[i : i + 1], dy[i : i + 1])
        close(y_one[0], y[i])
        close(dx_one[0], dx[i])
        for t, g in zip(total, gradients_one, strict=True):
            t += g
    for t, g in zip(total, gradients, strict=True):
        close(t, g)


def test_any_number_of_threads_to_the_bit(case, rng):
    layer = built(case, "float32")
    # Enough work for the core to wake its threads.
    work = np.prod(case[1]) * max(1, layer.parameter_count // max(1, case[1][0]))
    samples = int(min(20_000, max(70, 1_000_000 // work)))
    x, dy = rng.standard_normal((samples, *case[1])), upstream(layer, samples)
    fastdl.set_num_threads(1)
    single = run(layer, x, dy)
    for threads in (2, 3, 7):
        fastdl.set_num_threads(threads)
        for one, other in zip(single, run(layer, x, dy), strict=True):
            assert (one == other).all()


def test_float32_near_float64(case, x):
    single, double = built(case, "float32"), built(case)
    for name, values in double.params.items():
        single.params[name][...] = values
    dy = upstream(double)
    for one, other in zip(run(single, x, dy), run(double, x, dy), strict=True):
        assert one.dtype == np.float32
        close(one, other, "float32")


def misaligned(x):
    buffer = bytearray(x.nbytes + 1)
    y = np.frombuffer(buffer, x.dtype, count=x.size, offset=1).reshape(x.shape)
    y[...] = x
    return y


def read_only(x):
    y = x.copy()
    y.flags.writeable = False
    return y


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "channels last": lambda x: x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if x.ndim == 4 else x,
    "negative strides": lambda x: x[::-1].copy()[::-1],
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": read_only,
    "misaligned": misaligned,
    "a list": lambda x: x.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_any_layout_of_the_input(case, x, layout):
    layer = built(case)
    dy = upstream(layer)
    expected = run(layer, x, dy)
    for one, other in zip(expected, run(layer, layout(x), layout(dy)), strict=True):
        assert (one == other).all()


def test_configuration_and_state_there_and_back(case, x, tmp_path):
    net = Sequential([case[0]()], input_shape=case[1], seed=3)
    net.save(tmp_path / "net.npz")
    again = fastdl.load(tmp_path / "net.npz")
    assert again.get_config() == net.get_config()
    assert repr(again) == repr(net)
    assert (again.predict(x) == net.predict(x)).all()
    assert (again.parameters == net.parameters).all()


def test_parameters_are_live(rng):
    net = Sequential([layers.Dense(3), layers.Dense(2)], input_shape=4, seed=0)
    net.layers[1].params["weight"][...] = 0
    net.layers[1].params["bias"][...] = [5, 6]
    assert (net.predict(rng.standard_normal((2, 4))) == [[5, 6], [5, 6]]).all()
    net.parameters[...] = 0
    assert not net.params["1.bias"].any()


def test_random_shift_moves_images_in_training_alone():
    layer = layers.RandomShift(1).build((1, 5, 5))
    x = np.zeros((400, 1, 5, 5))
    x[:, :, 2, 2] = 1
    assert (layer.forward(x) == x).all()
    y = layer.forward(x, training=True)
    assert (y.sum(axis=(1, 2, 3)) == 1).all()
    places = {tuple(np.argwhere(image[0])[0]) for image in y}
    assert places == {(i, j) for i in (1, 2, 3) for j in (1, 2, 3)}
    back = layer.backward(y)
    assert (back == x).all()


def test_use_out_of_order():
    with pytest.raises(RuntimeError, match="built"):
        layers.Dense(3).forward(np.ones((1, 2)))
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layers.Dense(3).build(2).backward(np.ones((1, 3)))
    layer = layers.Dense(3).build(2)
    layer.forward(np.ones((4, 2)))
    for samples in (3, 5):
        with pytest.raises(ValueError, match=f"dy must have the 4 samples of the last forward; received {samples}"):
            layer.backward(np.ones((samples, 3)))
    net = Sequential([layers.Dense(3)], input_shape=2)
    with pytest.raises(RuntimeError, match="belongs to a network"):
        net.layers[0].build(2)
    with pytest.raises(ValueError, match="new"):
        Sequential([net.layers[0]], input_shape=2)


def test_a_gradient_check_leaves_what_it_is_given(rng):
    layer = layers.Dense(3).build(4, dtype="float64", seed=0)
    x, before = rng.standard_normal((2, 4)), layer.params["weight"].copy()
    x.flags.writeable = False
    assert gradient_check(layer, x) < 1e-6
    assert (layer.params["weight"] == before).all()


def test_initializers_differ_and_follow_the_seed():
    drawn = {}
    for name in ("uniform", "glorot_uniform", "he_normal", "zeros"):
        weights = [layers.Dense(200, initializer=name).build(300, seed=s).params["weight"] for s in (1, 1, 2)]
        assert (weights[0] == weights[1]).all()
        drawn[name] = weights[0].std()
    assert drawn["uniform"] == pytest.approx((1 / 300) ** 0.5 / 3**0.5, rel=0.02)
    assert drawn["glorot_uniform"] == pytest.approx((2 / 500) ** 0.5, rel=0.02)
    assert drawn["he_normal"] == pytest.approx((2 / 300) ** 0.5, rel=0.02)
    assert drawn["zeros"] == 0


STARTS = {
    "dense": (lambda name: layers.Dense(200, initializer=name), (300,), "weight", 300, 200),
    "dense in time": (lambda name: layers.Dense(200, initializer=name), (7, 300), "weight", 300, 200),
    "convolution": (lambda name: layers.Conv2D(40, (4, 5), initializer=name), (10, 9, 9), "weight", 200, 800),
    "recurrent": (lambda name: layers.LSTM(60, initializer=name), (None, 200), "weight_ih", 200, 60),
    "recurrent, of the state": (
        lambda name: layers.GRU(100, recurrent_initializer=name), (None, 9), "weight_hh", 100, 100,
    ),
    "recurrent, back": (
        lambda name: layers.Bidirectional(layers.RNN(60, initializer=name)), (None, 200), "weight_ih_reverse", 200, 60,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STARTS.values(), ids=STARTS.keys())
def test_weights_start_as_large_as_what_they_join_asks_for(case):
    make, shape, parameter, inputs, outputs = case
    for name, scale in (
        ("uniform", (1 / (3 * inputs)) ** 0.5),
        ("glorot_uniform", (2 / (inputs + outputs)) ** 0.5),
        ("he_normal", (2 / inputs) ** 0.5),
    ):
        assert make(name).build(shape, seed=0).params[parameter].std() == pytest.approx(scale, rel=0.03)


def test_orthogonal_is_any_rotation():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3):
        drawn = [initializers.orthogonal((n, n), n, n, rng) for _ in range(400)]
        assert all(np.allclose(q @ q.T, np.eye(n)) for q in drawn)
        assert abs(np.mean([np.trace(q) for q in drawn])) < 0.2  # four times what chance makes of 0
