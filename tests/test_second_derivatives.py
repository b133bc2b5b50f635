"""Second derivatives, derivatives along directions for losses of them, and derivatives that go forward."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from conftest import close
from test_layers import CASES, built, in_network

import fastdl
from fastdl import Sequential, layers, optimizers
from fastdl._core.kinds import ACTIVATIONS
from fastdl.derivatives import differentiable

SMOOTH = ("identity", "sigmoid", "tanh", "softplus", "elu", "silu", "gelu", "softmax")
DIRECTIONS = [[1.0, 0.0, 0.0], [0.5, -1.0, 2.0]]


def chain(activation):
    return [layers.Dense(5, activation), layers.Dense(4, activation), layers.Dense(2)]


def summed():
    return [layers.Parallel([[layers.Dense(4, "tanh")], [layers.Dense(4, "sigmoid")], [layers.Dense(4)]], "sum")]


def side_by_side():
    return [layers.Parallel([[layers.Dense(2, "tanh")], [], [layers.Select([2, 0, 2]), layers.Dense(2, "gelu")]])]


def selected():
    return [layers.Select([2, 0, 2]), layers.Activation("tanh"), layers.Dense(2)]


def one_by_one():
    return [layers.Parallel([[layers.Dense(4, "tanh"), layers.Dense(1)], [layers.Dense(1)], []])]


def multiplied():
    return [layers.Parallel([[], [layers.Dense(3, "tanh")], [layers.Dense(3), layers.Dense(3)]], "product")]


def normalized():
    return [layers.Dense(5), layers.LayerNorm(epsilon=1e-2), layers.Activation("silu"), layers.BatchNorm(), *summed()]


def passing_on():
    return [
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.GaussianNoise(0.1),
        layers.Rescaling(0.5, 1.0),
        *chain("tanh"),
    ]


def residual():
    return [Sequential([layers.Residual([layers.Dense(5, "tanh"), layers.Dense(3)]), layers.Dense(2, "softmax")])]


NETWORKS = {
    **{activation: lambda activation=activation: chain(activation) for activation in SMOOTH},
    "summed": summed,
    "side by side": side_by_side,
    "one by one": one_by_one,
    "selected": selected,
    "multiplied": multiplied,
    "by itself": lambda: [layers.Parallel([[], [], []], "product")],
    "normalized": normalized,
    "passing on": passing_on,
    "residual": residual,
}


def network(name="tanh", dtype="float64"):
    net = Sequential(NETWORKS[name](), input_shape=3, dtype=dtype, seed=0)
    rng = np.random.default_rng(1)
    for values in (*net.params.values(), *net.buffers.values()):  # those of batch norm are of 0 and 1
        values[...] += rng.uniform(0, 0.5, values.shape)
    return net


def central(function, x, step=1e-5):
    """The derivatives of what a function gives, with respect to each number of x, last."""
    found = []
    for place in np.ndindex(x.shape):
        apart = np.zeros(x.shape)
        apart[place] = step
        found.append((np.asarray(function(x + apart)) - function(x - apart)) / (2 * step))
    return np.stack(found, axis=-1).reshape(*found[0].shape, *x.shape)


@pytest.fixture(params=NETWORKS)
def name(request):
    return request.param


def test_hessians_are_derivatives_of_jacobians(name, rng):
    net, x = network(name), rng.standard_normal((4, 3))
    hessian = net.hessian(x)
    outputs = net.output_shape[0]
    assert hessian.shape == (4, outputs, 3, 3)
    assert (hessian == hessian.transpose(0, 1, 3, 2)).all()
    wanted = central(lambda u: net.jacobian(x + u).reshape(-1), np.zeros(3)).reshape(4, outputs, 3, 3)
    close(hessian, wanted, "float32")
    assert np.abs(hessian).max() > 1e-3 or name == "identity"


def test_along_directions_they_are_products(name, rng):
    net, x = network(name), rng.standard_normal((4, 3))
    t, along = net.taylor(x, DIRECTIONS), np.array(DIRECTIONS)
    close(t.values, net.predict(x))
    close(t.first, np.einsum("noi,ki->kno", net.jacobian(x), along))
    close(t.second, np.einsum("noij,ki,kj->kno", net.hessian(x), along, along))
    every = net.taylor(x)
    close(every.first, net.jacobian(x).transpose(2, 0, 1))
    close(every.second, np.einsum("noii->ino", net.hessian(x)))


def test_the_gradients_of_a_loss_of_them(name, rng):
    net, x = network(name), rng.standard_normal((3, 3))
    t = net.taylor(x, DIRECTIONS)
    weights = [rng.standard_normal(values.shape) for values in (t.values, t.first, t.second)]

    def loss(x):
        t = net.taylor(x, DIRECTIONS)
        return sum((w * values).sum() for w, values in zip(weights, (t.values, t.first, t.second), strict=True))

    def loss_at(parameters):
        net.parameters = parameters
        return loss(x)

    dx, gradients, parameters = t.backward(*weights), net.gradients.copy(), net.parameters.copy()
    assert dx.shape == x.shape
    close(dx, central(loss, x), "float32")
    if not parameters.size:
        return
    wanted = central(loss_at, parameters)
    for running in buffers_of(net):
        wanted[running] = 0  # which no optimizer changes
    close(gradients, wanted, "float32")


def buffers_of(net):
    """Where the numbers are that no optimizer changes."""
    start = net.parameters.__array_interface__["data"][0]
    for values in net.buffers.values():
        first = (values.__array_interface__["data"][0] - start) // values.itemsize
        yield slice(first, first + values.size)


def test_parts_of_the_loss_and_gradients_that_add_up(rng):
    net, x = network(), rng.standard_normal((5, 3))
    t = net.taylor(x)
    ways = [rng.standard_normal(values.shape) for values in (t.values, t.first, t.second)]
    whole = t.backward(*ways)
    gradients = net.gradients.copy()
    total = 0
    for k, argument in enumerate(("dvalues", "dfirst", "dsecond")):
        total = total + t.backward(**{argument: ways[k]}, accumulate=k > 0)
    close(net.gradients, gradients)
    close(total, whole)
    net.forward(x)  # of values alone it is what backward gives
    dx = net.backward(ways[0])
    gradients = net.gradients.copy()
    close(t.backward(ways[0]), dx)
    close(net.gradients, gradients)


def test_a_network_learns_by_its_derivatives():
    """u'' = -u with u(0) = 0 and u'(0) = 1 is the sine."""
    net = Sequential([layers.Dense(16, "tanh"), layers.Dense(1)], input_shape=1, dtype="float64", seed=0)
    x, optimizer = np.linspace(0, 2, 20)[:, None], optimizers.Adam(0.02)
    for _ in range(600):
        t = net.taylor(x)
        residual = (t.second[0] + t.values) / len(x)
        dvalues, dfirst = residual.copy(), np.zeros_like(t.first)
        dvalues[0] += t.values[0]
        dfirst[0, 0] += t.first[0, 0] - 1
        t.backward(dvalues, dfirst, [residual])
        net.step(optimizer)
    assert np.abs(net.predict(x) - np.sin(x)).max() < 0.03


@pytest.mark.parametrize("name", ["tanh", "normalized", "gelu"])
def test_float32_is_float64_to_rounding(name, rng):
    net, x = network(name), rng.standard_normal((6, 3)).astype("float32")
    single = network(name, "float32")
    assert single.hessian(x).dtype == "float32"
    scale = np.abs(net.hessian(x)).max()
    assert np.abs(single.hessian(x) - net.hessian(x)).max() < 1e-4 * max(1, scale)
    t, wanted = single.taylor(x), net.taylor(x)
    t.backward(t.values, t.first, t.second)
    wanted.backward(wanted.values, wanted.first, wanted.second)
    assert t.second.dtype == single.gradients.dtype == "float32"
    assert np.abs(single.gradients - net.gradients).max() < 1e-4 * np.abs(net.gradients).max()


@pytest.mark.parametrize("samples", [1, 500])
def test_threads_make_no_difference(samples, rng):
    net = Sequential([layers.Dense(64, "tanh"), layers.Dense(48, "gelu"), layers.Dense(40)], input_shape=6, seed=0)
    x, given = rng.standard_normal((samples, 6)), []
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        t = net.taylor(x)
        dx = t.backward(t.values, t.first, t.second)
        given.append([net.hessian(x), t.second, dx, net.gradients.copy(), net.jvp(x, x)])
    for others in given[1:]:
        for one, other in zip(given[0], others, strict=True):
            assert (one == other).all()


def test_some_samples_at_a_time(rng, monkeypatch):
    net, x = network(), rng.standard_normal((11, 3))
    wanted = net.hessian(x)
    monkeypatch.setattr(differentiable, "_NUMBERS", 200)
    close(net.hessian(x), wanted)


def test_they_leave_no_trace(rng):
    net, x = network("passing on"), rng.standard_normal((5, 3))
    generator = copy.deepcopy(net.generator.bit_generator.state)
    y = net.forward(x)
    net.gradients = np.arange(net.gradients.size)
    first = net.hessian(x)
    net.taylor(x)
    assert (net.gradients == np.arange(net.gradients.size)).all()
    assert net.generator.bit_generator.state == generator
    assert net.backward(y).shape == x.shape
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert (twin.hessian(x) == first).all()
    net.parameters = net.parameters + 0.1
    assert (net.hessian(x) != first).any()


def test_its_memory_goes_with_it(rng):
    net, x = network("normalized"), rng.standard_normal((5, 3))
    gc.collect()
    gc.disable()
    try:
        t = net.taylor(x)
        t.backward(t.values)
        watched = weakref.ref(t._tape), weakref.ref(net)
        del t
        assert watched[0]() is None
        del net
        assert watched[1]() is None
    finally:
        gc.enable()


# What goes forward: with more outputs than 32, and layers of vectors, whatever their activations.
WIDE = {
    **{
        f"activation {name}": lambda name=name: layers.Activation(name)
        for name in ACTIVATIONS
        if name not in ("leaky_relu", "elu")
    },
    **{
        name: case.make
        for name, case in CASES.items()
        if case.shape == (13,)
        and not case.tokens
        and "wide" not in name
        and not name.startswith(("periodic", "robust"))
    },
}


@pytest.mark.parametrize("make", WIDE.values(), ids=WIDE.keys())
def test_derivatives_go_forward_where_outputs_are_many(make, rng):
    net = Sequential([make(), layers.Dense(40, "tanh")], input_shape=13, dtype="float64", seed=0)
    x, v = rng.standard_normal((2, 6, 13))
    wanted = np.einsum("noi,ni->no", net.jacobian(x), v)
    close(net.jvp(x, v), wanted)
    assert net._propagation.goes


def test_images_and_sequences_have_products_of_rows(rng):
    net = Sequential([layers.Conv2D(5, 3, padding=1)], input_shape=(2, 4, 5), dtype="float64", seed=0)
    x, v = rng.standard_normal((2, 3, 2, 4, 5))
    close(net.jvp(x, v), np.einsum("nabcijk,nijk->nabc", net.jacobian(x), v))
    case = CASES["lstm"]
    net = in_network(case, built(case))
    x, v = rng.standard_normal((2, 3, *case.shape))
    close(net.jvp(x, v), np.einsum("nabij,nij->nab", net.jacobian(x), v))


@pytest.mark.parametrize(
    ("parts", "shape", "error"),
    [
        ([layers.Dense(3, "relu")], 3, r"layer 0, Dense\(units=3, activation='relu', .*\), has another"),
        ([layers.Dense(3, layers.Activation("elu", alpha=0.5))], 3, "and elu's alpha 1; layer 0, Dense"),
        ([layers.Dense(3), layers.Residual([layers.Activation("selu")])], 3, r"layer 1.0, Activation\('?.*selu"),
        ([layers.Conv2D(3, 2)], (1, 4, 4), r"samples must be vectors; those of the network are \(1, 4, 4\)"),
        ([layers.GRU(3)], (5, 2), "samples must be vectors"),
        ([layers.Reshape((1, 2, 2)), layers.Conv2D(2, 2)], 4, r"layer 0, Reshape\(.*\), is reshape"),
    ],
)
def test_what_has_no_second_derivative(parts, shape, error):
    net = Sequential(parts, input_shape=shape, seed=0)
    x = np.zeros((2, *net.input_shape))
    for method in (net.hessian, net.taylor):
        with pytest.raises(ValueError, match=error):
            method(x)


def test_bad_input():
    net, x = network(), np.zeros((2, 3))
    for method in (net.hessian, net.taylor):
        with pytest.raises(ValueError, match=r"x must have shape \(N, 3\); received \(3,\)"):
            method(x[0])
        with pytest.raises(ValueError, match="x must not be empty"):
            method(x[:0])
        with pytest.raises(ValueError, match="x must be finite"):
            method(x + np.nan)
    with pytest.raises(ValueError, match=r"directions must have shape \(N, 3\); received \(2, 2\)"):
        net.taylor(x, np.zeros((2, 2)))
    with pytest.raises(RuntimeError, match="must be built before use"):
        Sequential([layers.Dense(2)]).hessian(x)
    t = net.taylor(x, DIRECTIONS)
    net.gradients = np.arange(net.gradients.size)
    with pytest.raises(ValueError, match="one of dvalues, dfirst and dsecond must be given; received none"):
        t.backward()
    with pytest.raises(ValueError, match=r"dvalues must have shape \(2, 2\); received \(2,\)"):
        t.backward([1, 2])
    with pytest.raises(ValueError, match=r"dfirst must have shape \(2, 2, 2\); received \(2, 2\)"):
        t.backward(dfirst=x[:, :2])
    with pytest.raises(ValueError, match="dsecond must be finite"):
        t.backward(dsecond=np.full((2, 2, 2), np.inf))
    with pytest.raises(TypeError, match="accumulate must be True or False"):
        t.backward(t.values, accumulate=1)
    assert (net.gradients == np.arange(net.gradients.size)).all()
    net.step(optimizers.SGD(1e-6))
    with pytest.raises(RuntimeError, match="before parameters are trained or set; ask for taylor again"):
        t.backward(t.values)
