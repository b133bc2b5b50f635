"""What is assigned takes effect, wherever it is read, or is refused."""

import copy
import pickle

import numpy as np
import pytest
from test_layers import CASES, built, in_network

import fastdl
from fastdl import Sequential, layers, losses, models, optimizers, schedules
from fastdl._hints.known_attributes import OF_NETWORKS
from fastdl.layers.configuration import arguments_of
from fastdl.layers.container import walk


@pytest.fixture
def net():
    return Sequential(
        [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)], input_shape=(2, 5, 6)
    )


X = np.random.default_rng(0).standard_normal((3, 2, 5, 6))


def copies(net, tmp_path):
    net.save(tmp_path / "net.npz")
    return fastdl.load(tmp_path / "net.npz"), copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net))


def test_parameters_are_copied_into_place(net, rng, tmp_path):
    flat = net.parameters
    for name in net.params:
        values = rng.standard_normal(net.params[name].shape)
        net.params[name] = values
        assert (net.params[name] == values.astype("float32")).all()
    layer = net.layers[2]
    layer.params["bias"] = [1, 2, 3]
    assert (flat[-3:] == [1, 2, 3]).all()
    assert (net.params["2.bias"] == layer.params["bias"]).all()
    for other in copies(net, tmp_path):
        assert (other.predict(X) == net.predict(X)).all()
        assert (other.parameters == flat).all()
    net.parameters = 2 * flat
    assert net.parameters is flat
    assert (layer.params["bias"] == [2, 4, 6]).all()
    net.parameters += 1
    layer.params["bias"] -= 1
    assert (flat[-3:] == [2, 4, 6]).all()
    net.gradients = flat
    assert (layer.grads["bias"] == [2, 4, 6]).all()


@pytest.mark.parametrize(
    ("name", "values", "error", "message"),
    [
        ("2.bias", np.zeros(4), ValueError, r"params\['2.bias'\] must have shape \(3,\); received \(4,\)"),
        ("2.bias", 0, ValueError, r"params\['2.bias'\] must have shape \(3,\); received \(\)"),
        ("2.bias", [0, np.nan, 0], ValueError, r"params\['2.bias'\] must be finite in float32"),
        ("2.bias", [0, 1e39, 0], ValueError, r"params\['2.bias'\] must be finite in float32"),
        ("2.bias", [[1], [2, 3], 4], ValueError, r"params\['2.bias'\] must be an array of numbers; received a ragged"),
        ("2.bias", ["a", "b", "c"], TypeError, r"params\['2.bias'\] must be an array of real numbers"),
        ("2.bais", np.zeros(3), KeyError, "params are 0.weight, 0.bias, 2.weight, 2.bias; received '2.bais'"),
    ],
)
def test_what_is_no_parameter(net, name, values, error, message):
    before = net.parameters.copy()
    with pytest.raises(error, match=message):
        net.params[name] = values
    with pytest.raises(AttributeError):
        del net.params[name]
    assert (net.parameters == before).all()


def test_flat_vectors_of_another_shape(net):
    for name in ("parameters", "gradients"):
        with pytest.raises(ValueError, match=rf"{name} must have shape \({net.parameters.size},\); received \(3,\)"):
            setattr(net, name, np.zeros(3))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_arguments_do_not_change(case):
    for layer in (case.make(), built(case), in_network(case, built(case)).layers[0]):
        for name in [*arguments_of(type(layer)), "dtype", "input_shape", "output_shape", "params", "grads", "buffers"]:
            before = getattr(layer, name, None)
            with pytest.raises(AttributeError, match=f"{name} of {type(layer).__name__} cannot be changed"):
                setattr(layer, name, before)
        with pytest.raises(AttributeError, match="has no 'trained' that could be set"):
            layer.trained = False


def test_a_network_does_not_change(net, tmp_path):
    assert isinstance(net.layers, tuple)
    for either in (net, *copies(net, tmp_path)):
        for name in ("layers", "input_shape", "dtype", "params"):
            with pytest.raises(AttributeError, match=f"{name} of Sequential cannot be changed"):
                setattr(either, name, getattr(either, name))
        for name in ("optimizer", "loss", "note"):
            with pytest.raises(AttributeError, match=f"Sequential has no '{name}' that could be set"):
                setattr(either, name, None)
    net.notes = {"a": 1}
    for other in copies(net, tmp_path):
        assert other.notes == {"a": 1}


def test_states():
    net = models.language_model(5, units=4, dim=3)
    with pytest.raises(AttributeError, match="in a network cannot be set: the network has a state for all"):
        net.layers[1].state = None
    layer = layers.GRU(3).build((4, 2))
    with pytest.raises(AttributeError, match="cannot be set, as it is not stateful: give forward initial_state"):
        layer.state = np.zeros((1, 3))
    layer = layers.GRU(3, stateful=True).build((4, 2), seed=0)
    x = np.ones((1, 4, 2))
    layer.state = np.ones((1, 3))
    y = layer.forward(x)
    layer.reset_state()
    assert (y == layer.forward(x, initial_state=np.ones((1, 3)))).all()


def test_settings_do_not_change():
    optimizer = optimizers.SGD(schedules.cosine(0.1, 5), clip_norm=1.0)
    names = ["momentum", "nesterov", "clip_norm", "momentun", "moments"]
    of_schedules = [(optimizer.lr, name) for name in ("lr", "steps", "step")]
    of_losses = [
        (losses.Huber(2.0), "delta"), (losses.Huber(2.0), "name"), (losses.SquaredError(), "name"),
        (losses.Poisson(), "scale"), (losses.CrossEntropy(), "ignore_label"),
    ]  # fmt: skip
    for settings, name in [*of_schedules, *of_losses, *((optimizer, name) for name in names)]:
        before = repr(settings)
        with pytest.raises(AttributeError, match=name):
            setattr(settings, name, 0.5)
        with pytest.raises(AttributeError, match=name):
            delattr(settings, name)
        assert repr(settings) == before


def test_a_loss_of_a_user_s_own_has_attributes_of_its_own():
    class Own(losses.Huber):
        def __init__(self, scale):
            super().__init__(2.0)
            self.scale = scale

    loss = Own(3.0)
    loss.scale = 4.0
    with pytest.raises(AttributeError, match="delta of Own cannot be changed: make another Own"):
        loss.delta = 1.0
    assert (loss.delta, loss.scale) == (2.0, 4.0)


def test_a_rate_may_be_set():
    optimizer = optimizers.Adam(0.5)
    for rate in (np.float32(0.25), schedules.step(0.1, every=2)):
        optimizer.lr = rate
        assert optimizer == optimizers.Adam(rate)
    for rate, error in ((-1, ValueError), (np.nan, ValueError), ("fast", TypeError), (None, TypeError)):
        with pytest.raises(error, match="lr must be a"):
            optimizer.lr = rate
        assert optimizer == optimizers.Adam(schedules.step(0.1, every=2))
    optimizer.lr = np.float32(0.25)
    assert type(optimizer.lr) is float


class Scaled(layers.Dense):
    """A layer of a user's own: other weights to begin with, an argument and an attribute of its own."""

    def __init__(self, units, scale=2.0, **arguments):
        super().__init__(units, **arguments)
        self.scale, self.calls = scale, 0

    def _initialize(self, rng):
        super()._initialize(rng)
        self.params["weight"] *= self.scale
        self.calls += 1


class Own(Sequential):
    """A network of a user's own."""

    def __init__(self, classes):
        super().__init__([Scaled(4, 3.0, activation="tanh"), layers.Dense(classes)], input_shape=2, seed=0)
        self.names = [f"class {i}" for i in range(classes)]

    def of(self, x):
        return [self.names[i] for i in self.predict(x).argmax(axis=1)]


def test_subclasses(tmp_path):
    net = Own(3)
    net.layers[0].calls = 7
    x = X[:, 0, 0, :2]
    for i, other in enumerate(copies(net, tmp_path)):
        assert type(other) is Own
        assert type(other.layers[0]) is Scaled
        assert other.layers[0].get_config() == net.layers[0].get_config()
        assert other.layers[0].scale == 3
        assert (other.predict(x) == net.predict(x)).all()
        if i > 0:  # a file holds the network, no attributes
            assert other.of(x) == net.of(x)
    layer = Scaled(4, 0.5).build(2)
    layer.calls = 5
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert (other.calls, other.scale) == (5, 0.5)
        assert (other.forward(x) == layer.forward(x)).all()
    assert repr(layer) == "Scaled(units=4, scale=0.5, activation='identity', initializer='uniform')"


def test_subclasses_within_a_layer(tmp_path):
    class Mine(layers.GRU):
        pass

    net = Sequential([layers.Bidirectional(Mine(3), "sum")], input_shape=(4, 2), seed=0)
    net.save(tmp_path / "net.npz")
    assert type(fastdl.load(tmp_path / "net.npz").layers[0].layer) is Mine


class Pair(Sequential):
    """A chain of layers of a user's own, to be used within a network too."""

    def __init__(self, units, seed=None):
        super().__init__([layers.Dense(units, "tanh"), layers.BatchNorm()])
        self.units, self.seed = units, seed


class Block(layers.Residual):
    """One whose constructor makes the layers inside it."""

    def __init__(self, units):
        super().__init__([Pair(units), layers.Dense(units)])
        self.units = units


def test_networks_of_subclasses_are_made_of_their_own_layers(tmp_path):
    net = Pair(3, seed=5).build(2, seed=0)
    for i, other in enumerate(copies(net, tmp_path)):
        assert other.layers[0].in_network
        assert np.shares_memory(other.layers[0].params["weight"], other.parameters)
        assert i == 0 or (other.units, other.seed) == (3, 5)  # a file holds no attributes


def test_what_is_frozen_inside_a_subclass_stays_so(tmp_path):
    net = Sequential([Pair(4), Block(4)], input_shape=3)
    net.layers[0].layers[0].trainable = False
    net.layers[1].layers[0].lr_scale = 0.5
    net.layers[1].layers[0].layers[1].trainable = False
    for other in copies(net, tmp_path):
        assert type(other.layers[0]) is Pair
        assert type(other.layers[1].layers[0]) is Pair
        assert other.get_config() == net.get_config()
        assert [layer.trainable for _, layer in walk(other)] == [False, True, True, False, True]
        assert other.layers[1].layers[0].lr_scale == 0.5
    config = Block(4).get_config()
    assert "sublayers" not in config
    for bad in ([{}], [1] * 4):
        with pytest.raises(ValueError, match="sublayers must be the settings of 4 layers; received"):
            layers.from_config({**config, "sublayers": bad})


def test_subclasses_that_cannot_be_saved(tmp_path):
    class Forgetful(layers.Dense):
        def __init__(self, units, scale):
            super().__init__(units)

    def of(layer):
        return Sequential([layer], input_shape=2)

    with pytest.raises(TypeError, match=r"Forgetful must keep its constructor's arguments as attributes.*no scale"):
        of(Forgetful(2, 1)).save(tmp_path / "net.npz")

    class Dense(layers.Dense):
        pass

    with pytest.raises(TypeError, match="Dense must be the only layer class of that name"):
        of(Dense(2)).save(tmp_path / "net.npz")
    assert layers.from_config(layers.Dense(2).get_config()).__class__ is layers.Dense
    assert not list(tmp_path.iterdir())


def test_subclasses_that_a_network_would_not_heed():
    class Doubled(layers.Dense):
        def forward(self, x, *, training=False):
            return 2 * super().forward(x, training=training)

    with pytest.raises(TypeError, match=r"layers\[0\] must not have its own forward.*Doubled has"):
        Sequential([Doubled(2)], input_shape=2)
    assert (
        Doubled(2).build(2, seed=0).forward([[1, 1]]) == 2 * layers.Dense(2).build(2, seed=0).forward([[1, 1]])
    ).all()

    class Halved(layers.GRU):
        def operations(self, x):
            return super().operations(x).then("rescale", scale=0.5, added=0.0)

    with pytest.raises(TypeError, match="layer must not have its own operations, which no Bidirectional calls"):
        layers.Bidirectional(Halved(2))

    class Doubling(layers.Activation):
        def operations(self, x):
            return super().operations(x).then("rescale", scale=2.0, added=0.0)

    for make in (
        layers.Dense,
        layers.RNN,
        layers.Recursive,
        lambda n, activation: layers.Conv2D(n, 1, activation=activation),
    ):
        with pytest.raises(TypeError, match="activation must not have its own operations, which no layer that ends in"):
            make(2, activation=Doubling("tanh"))

    class Hasty(layers.Dense):
        def __init__(self):
            self.units = 3

    with pytest.raises(TypeError, match=r"Hasty.__init__ must call super\(\).__init__\(\)"):
        Hasty()

    class Empty(layers.Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must define operations\(x\)"):
        Empty().build(2)


@pytest.mark.parametrize("method", ["forward", "backward", "step"])
def test_a_network_s_own_method_that_training_does_not_call_is_refused(method, rng):
    kind = type("Own", (Sequential,), {method: lambda self, *args, **kwargs: None, "__module__": __name__})
    x, y = rng.standard_normal((6, 3)), [0, 1, 0, 1, 0, 1]
    net = kind([layers.Dense(2)], input_shape=3, seed=0)
    for train in (net.fit, net.train_on_batch):
        with pytest.raises(TypeError, match=f"the network must not have its own {method}.*Own has"):
            train(x, y)
    assert net.predict(x).shape == (6, 2)


def test_forward_and_backward_cannot_be_replaced_in_an_object():
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    for one in (net, net.layers[0]):
        for name in ("forward", "backward"):
            with pytest.raises(AttributeError, match=f"{name} of .* cannot be changed: networks run operations"):
                setattr(one, name, lambda x: x)


def test_what_other_libraries_call_otherwise_is_told():
    net = Sequential([layers.Dense(2)])
    for name, hint in OF_NETWORKS.items():
        assert not hasattr(net, name)
        with pytest.raises(AttributeError, match=f"'Sequential' object has no attribute '{name}': ") as caught:
            getattr(net, name)
        assert str(caught.value).endswith(hint)
        assert name not in dir(net)
    with pytest.raises(AttributeError, match=r"'Sequential' object has no attribute 'parametres'$") as caught:
        net.parametres  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("parametres", net)
    assert hasattr(net.build(3), "output_shape")

    class Own(Sequential):
        @property
        def total(self):
            return self.sums

    with pytest.raises(AttributeError, match="no attribute 'sums'"):
        Own([layers.Dense(2)]).total  # noqa: B018
