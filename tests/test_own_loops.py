"""A loop of a user's own: forward, backward, step, and gradients that add up."""

import copy
import operator
import pickle

import numpy as np
import pytest
from conftest import close

import fastdl
from fastdl import Sequential, _core, callbacks, export, layers, losses, models, optimizers, schedules

OPTIMIZERS = [
    optimizers.SGD(0.1),
    optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01, clip_norm=0.1),
    optimizers.Adam(0.01, clip_value=0.01),
    optimizers.AdamW(schedules.step(0.01, every=2), clip_norm=0.2),
    optimizers.RMSprop(0.01),
    optimizers.AdaGrad(0.01),
]


def network(dtype="float32"):
    """Of layers whose gradients are products over the batch, and of such as are summed sample by sample."""
    made = [
        layers.Conv2D(4, 3, activation="relu"), layers.BatchNorm(), layers.Flatten(), layers.Dense(300, "tanh"),
        layers.Dense(5),
    ]  # fmt: skip
    return Sequential(made, input_shape=(2, 7, 8), dtype=dtype, seed=0)


@pytest.fixture
def data(rng):
    return rng.standard_normal((40, 2, 7, 8)), rng.integers(0, 5, 40)


def fill_gradients(net, x, y, share=1.0, **options):
    outputs = net.forward(x, training=True)
    return net.backward(share * losses.cross_entropy_backward(outputs, y), **options)


def all_of(net):
    return net.parameters.tobytes(), net._training.moments.tobytes(), net._training.steps


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_its_steps_are_those_of_fit(optimizer, data):
    """To the bit, whatever the number of threads, running statistics included."""
    x, y = data
    found = set()
    for threads in (1, 2, 5):
        fastdl.set_num_threads(threads)
        net, own = network(), network()
        for _ in range(3):
            net.train_on_batch(x, y, optimizer=optimizer)
            fill_gradients(own, x, y)
            own.step(optimizer)
        found |= {all_of(net), all_of(own)}
    assert len(found) == 1


def test_subnormal_activations_are_those_of_fit():
    """A sigmoid of -95 is 5.5e-42, which a gradient of 1e10 and a rate of 1e20 would make a number again."""
    nets = [
        Sequential([layers.Dense(1, "sigmoid"), layers.Dense(1)], input_shape=1, dtype="float32", seed=0)
        for _ in range(2)
    ]
    x, y, optimizer = np.full((4, 1), -95.0), np.full((4, 1), 1e10), optimizers.SGD(1e20)
    for net in nets:
        net.parameters[...] = 0
        net.layers[0].params["weight"][...] = 1
    assert 0 < nets[0].layers[0].forward(x).max() < np.finfo("float32").tiny, "prediction keeps them"
    nets[0].train_on_batch(x, y, loss="squared_error", optimizer=optimizer)
    outputs = nets[1].forward(x, training=True)
    nets[1].backward(losses.squared_error_backward(outputs, y))
    nets[1].step(optimizer)
    assert (nets[0].parameters == nets[1].parameters).all()


def test_a_step_is_the_references(data):
    net, optimizer = network("float64"), optimizers.SGD(0.1, momentum=0.9, clip_norm=0.3)
    p, v = net.parameters.copy(), np.zeros_like(net.parameters)
    running = slice(*(np.cumsum([4 * (2 * 9 + 1) + 8, 8])))  # of BatchNorm
    for _ in range(2):
        fill_gradients(net, *data)
        g = net.gradients.copy()
        assert not g[running].any()
        norm = np.sqrt((g**2).sum())
        assert norm > 0.3
        v = 0.9 * v + g * 0.3 / norm
        p -= 0.1 * v
        p[running] = net.parameters[running]
        net.step(optimizer)
        close(net.parameters, p)


def test_gradients_add_up(data):
    x, y = data
    net = network("float64")
    fill_gradients(net, x, y)
    before = net.gradients.copy()
    dx = fill_gradients(net, x[:10], y[:10], accumulate=True)
    both = net.gradients.copy()
    assert (dx == fill_gradients(net, x[:10], y[:10])).all()
    assert (both == net.gradients + before).all()
    # What is there is anybody's.
    net.gradients = before
    net.forward(x[:10])
    net.backward(np.zeros((10, 5)), accumulate=True)
    assert (net.gradients == before).all()
    with pytest.raises(TypeError, match="accumulate must be True or False; received 2"):
        net.backward(np.zeros((10, 5)), accumulate=2)


def test_a_batch_in_parts_is_a_batch(rng):
    """Of layers that see samples one by one."""
    x, y = rng.standard_normal((12, 3)), rng.integers(0, 4, 12)
    nets = [
        Sequential([layers.Dense(6, "gelu"), layers.Dense(4)], input_shape=3, dtype="float64", seed=0) for _ in "ab"
    ]
    optimizer = optimizers.Adam(0.1)
    for _ in range(3):
        nets[0].train_on_batch(x, y, optimizer=optimizer)
        for k in range(3):
            part = slice(k, None, 3)
            fill_gradients(nets[1], x[part], y[part], 1 / 3, accumulate=k > 0)
        nets[1].step(optimizer)
    close(nets[1].parameters, nets[0].parameters)


@pytest.mark.parametrize("make", [lambda: layers.LSTM(3), lambda: layers.Bidirectional(layers.GRU(2), "sum")])
def test_gradients_of_a_layer_alone_add_up(make, rng):
    layer = make().build((5, 2), dtype="float64", seed=0)
    x, dy = rng.standard_normal((4, 5, 2)), rng.standard_normal((2, 4, layer.output_shape[-1]))
    apart = []
    for d in dy:
        layer.forward(x)
        layer.backward(d)
        apart.append({name: g.copy() for name, g in layer.grads.items()})
    layer.forward(x)
    layer.backward(dy[0], accumulate=True)
    for name, g in layer.grads.items():
        close(g, apart[0][name] + apart[1][name])


@pytest.mark.parametrize("activation", ["identity", "tanh"])
@pytest.mark.parametrize("units", [24, 13, 1])
@pytest.mark.parametrize("steps", [(), (8,)])
@pytest.mark.parametrize("samples", [2, 70])
def test_nothing_is_held_in_arrays_that_are_the_callers(samples, steps, units, activation, rng):
    def make():
        return Sequential([layers.Dense(30, "relu"), layers.Dense(units, activation)], input_shape=(*steps, 40), seed=0)

    x, dy = (rng.standard_normal((samples, *steps, n), np.float32) for n in (40, units))
    expected, net = make(), make()
    y, dx = expected.forward(x), expected.backward(dy)
    given, around = x.copy(), np.full((samples + 2, *steps, units), np.nan, np.float32)
    around[1:-1] = dy
    outputs = net.forward(given)
    assert (outputs == y).all()
    given[...] = outputs[...] = np.nan
    del outputs
    for _ in range(2):
        assert (net.backward(around[1:-1]) == dx).all()
        assert (net.gradients == expected.gradients).all()
    assert (around[1:-1] == dy).all()
    assert np.isnan(around[[0, -1]]).all()
    assert (net.predict(x) == y).all()
    assert (net.forward(x) == y).all()


def test_a_backward_that_is_ended_leaves_what_was_there(data, monkeypatch):
    core = _core.load("float32")

    class Ended(core.Plan):
        def backward(self, *arguments):
            super().backward(*arguments)
            raise KeyboardInterrupt

    monkeypatch.setattr(core, "Plan", Ended)
    net = network()
    net.gradients = np.ones(net.gradients.size)
    with pytest.raises(KeyboardInterrupt):
        fill_gradients(net, *data, accumulate=True)
    assert (net.gradients == 1).all()


def test_what_fit_goes_on_with(data):
    x, y = data
    net, own = network(), network()
    optimizer = optimizers.Adam(schedules.cosine(0.01, 6))
    net.fit(x, y, batch_size=40, epochs=4, shuffle=False, optimizer=optimizer, verbose=0)
    own.fit(x, y, batch_size=40, shuffle=False, optimizer=optimizer, verbose=0)
    for _ in range(2):
        fill_gradients(own, x, y)
        own.step()
    own.train_on_batch(x, y)
    assert all_of(net) == all_of(own)
    # An unequal one starts anew.
    own.step(optimizers.Adam(0.01, betas=(0.5, 0.9)))
    assert own._training.steps == 1


def test_states_and_lengths(rng):
    """Of a network whose sequences may have any length, before it has seen one and after."""
    net = models.language_model(7, units=5, dim=3)
    other = copy.deepcopy(net)
    net.step(optimizers.SGD(1.0))
    assert (net.parameters == other.parameters).all()
    for length in (4, 6):
        x, y = rng.integers(0, 7, (2, length)), rng.integers(0, 7, (2, length))
        fill_gradients(net, x, y)
        net.step()
        other.train_on_batch(x, y, optimizer=optimizers.SGD(1.0))
        close(net.parameters, other.parameters, "float32")
        for ours, theirs in zip(net.state, other.state, strict=True):
            close(np.asarray(ours), np.asarray(theirs), "float32")


def test_running_statistics_have_moved_before_the_step(data):
    net = network()
    before = net.params["0.weight"].copy()
    net.forward(data[0], training=True)
    assert net.buffers["1.running_mean"].any()
    assert (net.params["0.weight"] == before).all()


def test_a_step_to_nowhere_is_not_taken(data):
    net = network()
    fill_gradients(net, *data)
    net.step(optimizers.Adam(0.01))
    before = all_of(net)
    fill_gradients(net, *data)
    net.gradients[3] = np.nan
    with pytest.raises(FloatingPointError, match="step 2 gives"):
        net.step()
    assert all_of(net)[0] != before[0]  # running statistics, which forward has moved
    net.buffers["1.running_mean"], net.buffers["1.running_var"] = np.zeros(4), np.ones(4)
    assert all_of(net)[1:] == before[1:]


def test_backward_at_other_parameters_is_refused(data):
    net = network()
    fill_gradients(net, *data)
    net.step(optimizers.SGD(0.1))
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        net.backward(np.zeros((40, 5)))


def slow_cross_entropy(outputs, targets):
    """A loss of a user's own."""
    values = np.array([losses.cross_entropy(outputs[i : i + 1], targets[i : i + 1]) for i in range(len(outputs))])
    return values, len(outputs) * losses.cross_entropy_backward(outputs, targets)


TRAININGS = {
    "fit": lambda net, x, y: net.fit(x, y, batch_size=40, verbose=0),
    "fit in smaller batches": lambda net, x, y: net.fit(x, y, batch_size=7, verbose=0),
    "train_on_batch": lambda net, x, y: net.train_on_batch(x, y),
    "train_on_batch with a loss of one's own": lambda net, x, y: net.train_on_batch(x, y, loss=slow_cross_entropy),
    "fit of other lengths": lambda net, x, y: net.fit(x[:, :3], y, verbose=0),
    "step": lambda net, x, y: net.step(),
    "an optimizer of one's own": lambda net, x, y: setattr(net, "parameters", net.parameters - 0.1 * net.gradients),
}


@pytest.mark.parametrize("train", TRAININGS.values(), ids=TRAININGS.keys())
def test_no_backward_across_a_training(train, rng):
    """Of the network, and of a layer of its own, which has a plan that no training uses."""
    net = Sequential([layers.GRU(4), layers.Dense(5)], input_shape=(None, 2), seed=0)
    x, y = rng.standard_normal((40, 6, 2)), rng.integers(0, 5, 40)
    for called, given in ((net, x), (net.layers[1], rng.standard_normal((40, 4)))):
        called.forward(given)
        train(net, x, y)
        with pytest.raises(RuntimeError, match="backward must follow forward"):
            called.backward(np.zeros((40, 5)))
        called.forward(given)
        called.backward(np.zeros((40, 5)))


def scaled(dtype="float64"):
    made = [layers.RobustScaling(), layers.Dense(3, "tanh"), layers.BatchNorm(), layers.Dense(2)]
    return Sequential(made, input_shape=4, dtype=dtype, seed=0)


class Looking(callbacks.Callback):
    """Runs the network after all steps, before another callback puts parameters back."""

    def on_fit_end(self, net):
        net.forward(np.ones((6, 4)))


def set_in_place(net, x):
    net.parameters *= 2


def set_in_place_by_name(net, x):
    net.params["1.weight"] *= 2


CHANGES = {
    "parameters": lambda net, x: setattr(net, "parameters", 2 * net.parameters),
    "parameters in place": set_in_place,
    "params": lambda net, x: operator.setitem(net.params, "1.weight", np.ones((3, 4))),
    "params in place": set_in_place_by_name,
    "params of a layer": lambda net, x: operator.setitem(net.layers[3].params, "bias", np.ones(2)),
    "buffers": lambda net, x: operator.setitem(net.buffers, "2.running_mean", np.ones(3)),
    "buffers of a layer": lambda net, x: operator.setitem(net.layers[2].buffers, "running_var", 2 * np.ones(3)),
    "adapt": lambda net, x: net.adapt(x),
    "adapt of a layer": lambda net, x: net.layers[0].adapt(x),
    "from_state_dict": lambda net, x: export.from_state_dict(net, export.to_state_dict(net)),
    "from_state_dict of a layer": lambda net, x: export.from_state_dict(
        net.layers[1], export.to_state_dict(net.layers[1])
    ),
    "gradient_check": lambda net, x: fastdl.gradient_check(net, x, limit=1),
    "the end of fit": lambda net, x: net.fit(
        x, np.ones(6, int), epochs=3, verbose=0, callbacks=[Looking(), callbacks.EarlyStopping("loss", mode="max")]
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_no_backward_across_a_change_of_parameters(change, rng):
    """It mixed what was kept of the old ones with the new ones."""
    net, x = scaled(), rng.standard_normal((6, 4))
    for called, given in ((net, x), (net.layers[3], rng.standard_normal((6, 3)))):
        called.forward(given)
        change(net, x)
        with pytest.raises(RuntimeError, match="backward must follow forward, before parameters are trained or set"):
            called.backward(np.ones((6, 2)))
        called.forward(given)
        called.backward(np.ones((6, 2)))


def test_no_backward_across_the_exchange_of_a_mean(rng):
    class Late(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            net.forward(x)

        def on_epoch_begin(self, net, epoch):
            if epoch == 2:
                net.backward(np.ones((6, 2)))

    x = rng.standard_normal((6, 4))
    with pytest.raises(RuntimeError, match="backward must follow forward, before parameters are trained or set"):
        scaled().fit(x, np.ones(6, int), epochs=2, callbacks=[callbacks.EMA(0.5), Late()], verbose=0)


def test_what_is_no_change_of_parameters(rng):
    net, x = scaled(), rng.standard_normal((6, 4))
    dy = np.ones_like(net.forward(x))
    dx = net.backward(dy)
    wanted = net.gradients.copy()
    for wrong in (np.ones((4, 3)), np.full((3, 4), np.nan)):
        with pytest.raises(ValueError, match="params"):
            net.params["1.weight"] = wrong
    net.grads["1.weight"], net.gradients = np.ones((3, 4)), np.zeros_like(wanted)
    copied = copy.deepcopy(net.params)
    copied["1.weight"] = np.zeros((3, 4))
    pickle.loads(pickle.dumps(net.params))["1.weight"] = np.zeros((3, 4))
    assert (net.backward(dy) == dx).all()
    assert (net.backward(dy, accumulate=True) == dx).all()
    assert (net.gradients == 2 * wanted).all()


@pytest.mark.parametrize("call", ["forward", "predict"])
def test_a_loss_that_runs_the_network_in_the_middle_of_its_step(call, data):
    net = network()
    before = net.parameters.copy()

    def looking(outputs, targets):
        getattr(net, call)(np.zeros_like(data[0]))
        return slow_cross_entropy(outputs, targets)

    with pytest.raises(RuntimeError, match=f"loss must not call {call}.* of the network that is trained by it"):
        net.train_on_batch(*data, loss=looking)
    assert (net.parameters == before).all()


def test_what_is_no_optimizer(data):
    net = network()
    before = net.parameters.copy()
    with pytest.raises(TypeError, match=r"optimizer must be one of fastdl.optimizers; received <class.*make one of it"):
        net.step(optimizers.SGD)
    with pytest.raises(ValueError, match="lr must give finite rates"):
        net.step(optimizers.SGD(lambda step: -1.0))

    class Forgetful(optimizers.Adam):
        moments = 1

    with pytest.raises(
        ValueError, match=rf"moments must have shape \(2, {before.size}\); received \(1, {before.size}\)"
    ):
        net.step(Forgetful(0.1))
    assert (net.parameters == before).all()
    assert net._training.steps == 0


def test_a_step_that_is_not_finite_leaves_the_last_optimizer(data):
    net, adam = network(), optimizers.Adam(0.01)
    fill_gradients(net, *data)
    net.step(adam)
    before = all_of(net)
    net.gradients[...] = 1e38
    with pytest.raises(FloatingPointError, match="step 1 gives"):
        net.step(optimizers.SGD(1e3))
    assert all_of(net) == before
    assert net._training.optimizer is adam


def test_a_layer_that_is_built_anew_forgets_what_it_was_used_for(rng):
    layer, x = layers.Dense(3).build(4, seed=0), rng.standard_normal((5, 4))
    dy = np.ones_like(layer.forward(x))
    layer.backward(dy)
    layer.build(4, dtype="float64", seed=1)
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layer.backward(dy)
    assert (layer.forward(x) == layers.Dense(3).build(4, dtype="float64", seed=1).forward(x)).all()
    assert layer.forward(x).dtype == "float64"


@pytest.mark.parametrize("make", [lambda: layers.Rescaling(0.5), lambda: layers.Dense(3)])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_steps_of_a_network_where_nothing_changes(make, clip, rng):
    net = Sequential([make()], input_shape=3, seed=0)
    net.layers[0].trainable = False
    before, x = net.parameters.copy(), rng.standard_normal((4, 3))
    net.forward(x)
    net.backward(np.ones((4, 3)))
    net.step(optimizers.SGD(0.1, clip_norm=clip))
    net.train_on_batch(x, x, loss=lambda y, t: (np.ones(len(y)), y - t))
    assert (net.parameters == before).all()
    assert net.training_state.steps == 2
