"""A program that changes something of the articles' classes gets what it wrote.

Every method of every class is replaced, in the class, by a subclass and in an object, and the same program then runs on
`tests/listings`, which goes through all steps: the method is called as often, and the numbers are the same.
"""

import copy
import importlib
import pickle
import random
from types import FunctionType, MethodType

import numpy as np
import pytest

from fastdl.compat._descent import descended
from fastdl.compat._gated import settle
from fastdl.compat._online import SigmoidChain

MODULES = ("perceptron", "linear_unit", "bp", "mnist", "fc", "cnn", "rnn", "lstm", "recursive")
PRIVATE = {"__init__", "_one_iteration", "_update_weights"}  # of those that begin with "_", the listings' own
NUMBERS = (
    "output", "delta", "weight", "gradient", "weights", "bias", "weights_grad", "bias_grad", "W", "U", "b", "W_grad",
    "b_grad", "gradient_U", "output_array", "delta_array", "Wfh", "Wox", "bi", "Wch_grad", "bo_grad", "Wfx_grad",
)  # fmt: skip


def modules(name):
    return (importlib.import_module(f"{package}.{name}") for package in ("listings", "fastdl.compat"))


def activator(module, name):
    return getattr(importlib.import_module(f"{module.__name__.rpartition('.')[0]}.activators"), f"{name}Activator")()


# the programs: what is built, what of it can be changed, and what is done with it


def perceptron(module, path):
    return {"Perceptron": module.Perceptron(2, lambda x: x + 0.5)}


def run_perceptron(module, parts):
    (p,) = parts.values()
    p.train([[1, 1], [0, 0], [1, 0], [0, 1]], [1, 0, 0, 0], 3, 0.1)
    return [*p.weights, p.bias, p.predict([1, 2])]


def linear_unit(module, path):
    return {"LinearUnit": module.LinearUnit(2)}


def bp(module, path):
    random.seed(1)
    return {"Network": module.Network([3, 4, 2])}


def parts_of_bp(parts):
    network = parts["Network"]
    node = network.layers[1].nodes[2]
    return {
        "Connections": network.connections,
        "Layer": network.layers[0],
        "Node": node,
        "ConstNode": network.layers[0].nodes[-1],
        "Connection": node.upstream[1],
    }


def run_bp(module, parts):
    network, rng = parts["Network"], np.random.default_rng(2)
    labels, samples = rng.random((20, 2)).tolist(), rng.random((20, 3)).tolist()
    network.train(labels, samples, 0.5, 2)
    result = network.predict(samples[0])
    network.train_one_sample(labels[1], samples[1], 0.5)
    network.get_gradient(labels[2], samples[2])
    for conn in network.connections.connections:
        result += [conn.weight, conn.get_gradient()]
    for layer in network.layers:
        result += [node.output for node in layer.nodes] + [node.delta for node in layer.nodes[:-1]]
    network.dump()
    network.connections.dump()
    return result


def mnist(module, path):
    (path / "images").write_bytes(bytes(16) + bytes(i % 256 for i in range(3 * 784)))
    (path / "labels").write_bytes(bytes(8) + bytes([3, 0, 9]))
    header = bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28]), bytes([0, 0, 8, 1, 0, 0, 0, 3])
    for name, start in zip(("images", "labels"), header, strict=True):
        content = (path / name).read_bytes()
        (path / name).write_bytes(start + content[len(start) :])
    loaders = module.ImageLoader(path / "images", 3), module.LabelLoader(path / "labels", 3)
    return {"Loader": loaders[0], "ImageLoader": loaders[0], "LabelLoader": loaders[1]}


def run_mnist(module, parts):
    return [*np.ravel(parts["ImageLoader"].load()), *np.ravel(parts["LabelLoader"].load())]


def fc(module, path):
    return {"Network": module.Network([3, 4, 2])}


def parts_of_fc(parts):
    return {"FullConnectedLayer": parts["Network"].layers[0]}


def run_fc(module, parts):
    network, rng = parts["Network"], np.random.default_rng(2)
    labels, samples = list(rng.random((20, 2, 1))), list(rng.random((20, 3, 1)))
    network.train(labels, samples, 0.5, 2)
    result = [network.predict(samples[0]), network.loss(labels[0], network.predict(samples[0]))]
    network.train_one_sample(labels[1], samples[1], 0.5)
    network.predict(samples[2])
    result.append(network.calc_gradient(labels[2]))
    for layer in network.layers:
        result += [layer.W, layer.b, layer.W_grad, layer.b_grad, layer.output, layer.delta, layer.input]
    network.dump()
    return result


def cnn(module, path):
    return {
        "ConvLayer": module.ConvLayer(6, 5, 2, 3, 3, 2, 1, 2, activator(module, "Relu"), 0.1),
        "MaxPoolingLayer": module.MaxPoolingLayer(5, 6, 2, 3, 3, 2),
    }


def parts_of_cnn(parts):
    return {"Filter": parts["ConvLayer"].filters[0]}


def run_cnn(module, parts):
    layer, pool, rng, identity = *parts.values(), np.random.default_rng(2), activator(module, "Identity")
    result = []
    for one in layer.filters:
        one.weights, one.bias = one.weights * 3000, 0.25
    for _ in range(2):
        x, sensitivity = rng.standard_normal((2, 5, 6)), rng.standard_normal(layer.output_array.shape)
        layer.forward(x)
        layer.backward(x, sensitivity, identity)
        layer.update()
        result += [layer.output_array.copy(), layer.delta_array]
        layer.bp_sensitivity_map(sensitivity, activator(module, "Relu"))
        layer.bp_gradient(sensitivity)
        result += [layer.delta_array, layer.expand_sensitivity_map(sensitivity)]
        for one in layer.filters:
            result += [one.weights.copy(), one.bias, one.weights_grad.copy(), one.bias_grad]
        x, sensitivity = rng.standard_normal((2, 6, 5)), rng.standard_normal(pool.output_array.shape)
        pool.forward(x)
        pool.backward(x, sensitivity)
        result += [pool.output_array.copy(), pool.delta_array]
    return result


def rnn(module, path):
    return {"RecurrentLayer": module.RecurrentLayer(3, 2, activator(module, "Tanh"), 0.1)}


def run_rnn(module, parts):
    (layer,), rng, result = parts.values(), np.random.default_rng(2), []
    layer.U, layer.W = layer.U * 5000, layer.W * 5000
    for _ in range(2):
        for x in rng.standard_normal((4, 3, 1)):
            layer.forward(x)
        layer.backward(rng.standard_normal((2, 1)), layer.activator)
        layer.update()
        result += [*layer.state_list, *layer.delta_list, *layer.gradient_list, layer.gradient, layer.gradient_U]
        result += [layer.U.copy(), layer.W.copy(), layer.times]
        layer.reset_state()
    return result


def lstm(module, path):
    return {"LstmLayer": module.LstmLayer(3, 2, 0.1)}


def run_lstm(module, parts):
    (layer,), rng, result = parts.values(), np.random.default_rng(2), []
    names = [f"{a}{gate}{b}" for gate in "fioc" for a, b in (("W", "h"), ("W", "x"), ("b", ""))]
    for name in names:
        setattr(layer, name, getattr(layer, name) * 5000)
    for _ in range(2):
        for x in rng.standard_normal((4, 3, 1)):
            layer.forward(x)
        layer.backward(x, rng.standard_normal((2, 1)), activator(module, "Identity"))
        layer.update()
        for name in ("c", "h", "f", "i", "o", "ct", "delta_h", "delta_f", "delta_i", "delta_o", "delta_ct"):
            result += getattr(layer, f"{name}_list")
        result += [np.array(getattr(layer, name)) for n in names for name in (n, f"{n}_grad")]
        layer.reset_state()
    return result


def recursive(module, path):
    return {"RecursiveLayer": module.RecursiveLayer(2, 2, activator(module, "Tanh"), 0.1)}


def run_recursive(module, parts):
    (layer,), rng, result = parts.values(), np.random.default_rng(2), []
    layer.W = layer.W * 5000
    for _ in range(2):
        leaves = [module.TreeNode(data) for data in rng.standard_normal((4, 2, 1))]
        layer.forward(*leaves[:2])
        left = layer.root
        layer.forward(*leaves[2:])
        layer.forward(left, layer.root)
        layer.backward(rng.standard_normal((2, 1)))
        layer.update()
        layer.dump()
        result += [layer.root.data, layer.root.W_grad, left.W_grad, left.b_grad, *(leaf.delta for leaf in leaves)]
        result += [layer.W.copy(), layer.b.copy(), layer.W_grad, layer.b_grad]
        layer.reset_state()
    return result


# the changes


def more(value):
    """Give numbers that are an eighth larger."""
    if isinstance(value, list | tuple):
        return type(value)(map(more, value))
    return value * 1.125 if isinstance(value, float | np.ndarray) else value


def numbers(obj):
    found = {name: getattr(obj, name, None) for name in NUMBERS}
    return {name: value for name, value in found.items() if isinstance(value, float | np.ndarray)}


def changed(original, calls):
    """Give a step that does as the original, counts its calls, and makes all that it gives and sets larger."""

    def step(*args, **kwargs):
        calls.append(None)
        before = {name: np.array(value) for name, value in numbers(args[0]).items()}
        result = original(*args, **kwargs)
        for name, value in numbers(args[0]).items():
            if name not in before or not np.array_equal(before[name], value):
                setattr(args[0], name, more(value))
        return more(result)

    return step


def methods():
    return list(_methods())


def _methods():
    for name in MODULES:
        module, ours = modules(name)
        for cls in vars(module).values():
            if isinstance(cls, type) and cls.__module__ == module.__name__:
                for method, value in vars(cls).items():
                    if isinstance(value, FunctionType | staticmethod) and (method in PRIVATE or method[0] != "_"):
                        assert hasattr(getattr(ours, cls.__name__), method)
                        yield name, cls.__name__, method


def functions():
    return list(_functions())


def _functions():
    for name in MODULES:
        module, _ = modules(name)
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield name, function.__name__


def outcome(name, module, path, change_before=lambda: None, change_after=lambda parts: None):
    np.random.seed(3)  # noqa: NPY002
    change_before()
    parts = globals()[name](module, path)
    change_after(parts)
    return globals()[f"run_{name}"](module, parts)


run_linear_unit = run_perceptron


def agree(one, other):
    """Assert that two outcomes are the same numbers."""
    one, other = (np.concatenate([np.ravel(np.asarray(value, float)) for value in values]) for values in (one, other))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", MODULES)
def test_unchanged(name, tmp_path):
    listing, ours = modules(name)
    agree(outcome(name, ours, tmp_path), outcome(name, listing, tmp_path))


@pytest.mark.parametrize(("name", "cls", "method"), methods())
def test_a_method_replaced_in_its_class(name, cls, method, tmp_path, monkeypatch):
    compare(name, cls, method, tmp_path, monkeypatch, in_class)


@pytest.mark.parametrize(("name", "cls", "method"), methods())
def test_a_method_overridden_by_a_subclass(name, cls, method, tmp_path, monkeypatch):
    compare(name, cls, method, tmp_path, monkeypatch, in_subclass)


@pytest.mark.parametrize(("name", "cls", "method"), [m for m in methods() if m[2] != "__init__" and m[1] != "VectorOp"])
def test_a_method_replaced_in_an_object(name, cls, method, tmp_path, monkeypatch):
    compare(name, cls, method, tmp_path, monkeypatch, in_object)


def compare(name, cls, method, path, monkeypatch, change):
    results, counts = [], []
    for module in modules(name):
        calls = []
        results.append(outcome(name, module, path, *change(name, module, cls, method, monkeypatch, calls)))
        counts.append(len(calls))
        monkeypatch.undo()
    agree(*results)
    assert counts[0] == counts[1]


def replacement(cls, method, calls):
    step = changed(getattr(cls, method), calls)
    return staticmethod(step) if any(isinstance(vars(c).get(method), staticmethod) for c in cls.__mro__) else step


def in_class(name, module, cls, method, monkeypatch, calls):
    cls = getattr(module, cls)
    return (lambda: monkeypatch.setattr(cls, method, replacement(cls, method, calls)),)


def in_subclass(name, module, cls, method, monkeypatch, calls):
    cls = getattr(module, cls)
    sub = type(cls.__name__, (cls,), {method: replacement(cls, method, calls)})
    return (lambda: monkeypatch.setattr(module, cls.__name__, sub),)


def in_object(name, module, cls, method, monkeypatch, calls):
    def change(parts):
        found = parts | globals().get(f"parts_of_{name}", lambda parts: {})(parts)
        if cls in found:
            step = replacement(type(found[cls]), method, calls)
            setattr(found[cls], method, step if isinstance(step, staticmethod) else MethodType(step, found[cls]))

    return lambda: None, change


@pytest.mark.parametrize(("name", "function"), functions())
def test_a_function_replaced_in_its_module(name, function, tmp_path, monkeypatch):
    results, counts = [], []
    for module in modules(name):
        calls = []
        monkeypatch.setattr(module, function, changed(getattr(module, function), calls))
        results.append(outcome(name, module, tmp_path))
        counts.append(len(calls))
        monkeypatch.undo()
    agree(*results)
    assert counts[0] == counts[1] > 0


def test_a_function_taken_away_is_missed_until_it_is_back(monkeypatch):
    from fastdl.compat import bp

    network = bp.Network([3, 4, 2])
    before = network.predict([1, 0, 1])
    monkeypatch.delattr(bp, "sigmoid")
    with pytest.raises(NameError, match="sigmoid"):
        network.predict([1, 0, 1])
    monkeypatch.undo()
    agree([network.predict([1, 0, 1])], [before])


# programs that change objects, arrays and lists: each gives numbers


def momentum(fc):
    class Layer(fc.FullConnectedLayer):
        speed = 0.0

        def update(self, learning_rate):
            self.speed = 0.9 * self.speed + self.W_grad
            self.W += learning_rate * self.speed
            self.b += learning_rate * self.b_grad

    network = fc.Network([3, 4, 2])
    network.layers = [Layer(3, 4, activator(fc, "Sigmoid")), Layer(4, 2, activator(fc, "Sigmoid"))]
    return trained_arrays(network)


def trained_arrays(network, outputs=2):
    rng = np.random.default_rng(4)
    network.train(list(rng.random((20, outputs, 1))), list(rng.random((20, 3, 1))), 0.5, 2)
    return [network.predict(rng.random((3, 1))), *(array for layer in network.layers for array in (layer.W, layer.b))]


def an_appended_layer(fc):
    network = fc.Network([3, 4, 2])
    network.layers.append(fc.FullConnectedLayer(2, 5, activator(fc, "Tanh")))
    return trained_arrays(network, 5)


def an_appended_sigmoid_layer(fc):
    network = fc.Network([3, 4])
    network.layers.append(fc.FullConnectedLayer(4, 2, activator(fc, "Sigmoid")))
    return trained_arrays(network)


def a_replaced_layer(fc):
    network = fc.Network([3, 4, 2])
    network.layers[0], network.layers[1] = (
        fc.FullConnectedLayer(*s, activator(fc, "Sigmoid")) for s in ((3, 6), (6, 2))
    )
    return trained_arrays(network)


def tied_weights(fc):
    network = fc.Network([3, 4, 3])
    network.layers[1].W = network.layers[0].W.T
    return trained_arrays(network, 3)


def weights_that_the_program_holds(fc):
    network, W = fc.Network([3, 4, 2]), np.full((4, 3), 0.5)
    network.layers[0].W = W
    first = trained_arrays(network)
    W *= 0.5
    return [*first, *trained_arrays(network), W]


def an_activator_of_a_subclass(fc):
    class Steep(type(activator(fc, "Sigmoid"))):
        def backward(self, output):
            return 2 * super().backward(output)

    network = fc.Network([3, 4, 2])
    network.layers[1].activator = Steep()
    return trained_arrays(network)


def gradients_of_two_times(fc):
    layer, kept = fc.FullConnectedLayer(3, 2, activator(fc, "Sigmoid")), []
    for x in np.random.default_rng(0).random((2, 3, 1)):
        layer.forward(x)
        layer.backward(np.ones((2, 1)))
        kept += [layer.W_grad, layer.output]
        layer.update(0.5)
    return kept


def step_by_step(fc, between=lambda network, sample: None, sizes=(3, 4, 2)):
    """Learn from samples, all in the same memory, and look at everything after each."""
    network, rng, found = fc.Network(sizes), np.random.default_rng(4), []
    sample = np.zeros((3, 1))
    for _ in range(4):
        sample[...] = rng.random((3, 1))
        network.train_one_sample(rng.random((sizes[-1], 1)), sample, 0.5)
        between(network, sample)
        for layer in network.layers:
            found += [layer.W_grad, layer.b_grad, layer.delta, layer.output, layer.input.copy()]
        found += [np.array(array) for layer in network.layers for array in (layer.W, layer.b)]
    assert all(one.output is two.input for one, two in zip(network.layers, network.layers[1:], strict=False))
    return found


def a_sample_that_changes(fc):
    def change(network, sample):
        sample *= 2

    return step_by_step(fc, change)


def weights_that_change_before_an_error_is_looked_at(fc):
    def change(network, sample):
        network.layers[0].W *= 0.5
        network.layers[1].b[0] = 0.25

    return step_by_step(fc, change)


def weights_that_the_program_looks_at(fc):
    rows = []

    def change(network, sample):
        for row in rows:
            row *= 0.5
        rows[:] = [network.layers[0].W[1], network.layers[1].b[1:]]

    return step_by_step(fc, change)


def weights_assigned_before_an_error_is_looked_at(fc):
    def change(network, sample):
        network.layers[0].W = np.full((4, 3), 0.5)
        network.layers[1].b = network.layers[1].b + 1

    return step_by_step(fc, change)


def weights_in_single_precision(fc):
    def change(network, sample):
        network.layers[0].W = np.ones((4, 3), np.float32)

    return step_by_step(fc, change)


def weights_that_are_gone_back_to(fc):
    """The first of two attempts is kept, in whole or in part, while the network learns with other weights."""
    network, rng, found = fc.Network([3, 4, 2]), np.random.default_rng(4), []
    label, sample = rng.random((2, 1)), rng.random((3, 1))
    for name, layer in (("W", network.layers[0]), ("b", network.layers[1]), ("W", network.layers[1])):
        for use in (network.predict, lambda sample: network.train_one_sample(label, sample, 0.5)):
            use(sample)
            former = getattr(layer, name)
            row = former[1]
            setattr(layer, name, former + rng.random(former.shape))
            use(sample)
            found += [former.copy(), row.copy()]
            setattr(layer, name, former)
            use(sample)
            found += [former.copy(), row.copy(), network.predict(sample)]
    network.train([label] * 20, [sample] * 20, 0.5, 1)
    return [*found, network.layers[0].W, network.layers[1].W]


def predictions_between(fc):
    kept = []

    def change(network, sample):
        kept.append(network.predict(sample + 1))
        network.layers[1].backward(np.ones((2, 1)))

    return step_by_step(fc, change) + kept


def a_layer_more_each_time(fc):
    def change(network, sample):
        network.layers.append(fc.FullConnectedLayer(2, 2, activator(fc, "Sigmoid")))

    network, rng, found = fc.Network([3, 2]), np.random.default_rng(4), []
    for _ in range(3):
        for _ in range(2):
            network.train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
        change(network, None)
        found += [network.predict(rng.random((3, 1))), network.layers[0].W.copy(), network.layers[0].delta]
    return found


def a_layer_of_two_networks(fc):
    networks, rng, found = [fc.Network([3, 4, 2]), fc.Network([3, 4, 2])], np.random.default_rng(4), []
    networks[0].train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
    networks[1].layers[0] = networks[0].layers[0]
    for k in (0, 1, 1, 0, 0):
        networks[k].train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
        found += [layer.W.copy() for network in networks for layer in network.layers]
        found += [networks[k].predict(rng.random((3, 1))), networks[k].layers[0].delta]
    return found


def the_same_layer_twice(fc):
    network = fc.Network([3, 3])
    network.layers *= 2
    return trained_arrays(network, 3)


def an_activator_replaced_between(fc):
    def change(network, sample):
        network.layers[1].activator = activator(fc, "Tanh")

    return step_by_step(fc, change)


def a_shallow_copy_of_a_layer(fc):
    network, rng = fc.Network([3, 4, 2]), np.random.default_rng(4)
    network.train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
    other = copy.copy(network.layers[0])
    network.train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
    other.forward(rng.random((3, 1)))
    return [other.output, other.W, other.W_grad, network.layers[0].W, network.layers[0].delta]


def every_other_sample(fc):
    class Network(fc.Network):
        count = 0

        def train_one_sample(self, label, sample, rate):
            self.count += 1
            if self.count % 2:
                super().train_one_sample(label, sample, rate / self.count)

    return trained_arrays(Network([3, 4, 2]))


def trained_objects(network, between=lambda: None):
    rng = np.random.default_rng(4)
    labels, samples = rng.random((20, 2)).tolist(), rng.random((20, 3)).tolist()
    network.train(labels, samples, 0.5, 1)
    between()
    network.train(labels, samples, 0.5, 1)
    result = network.predict(samples[0])
    result += [conn.weight for layer in network.layers[:-1] for node in layer.nodes for conn in node.downstream]
    return result + [node.delta for layer in network.layers for node in layer.nodes[:-1]]


def a_removed_connection(bp):
    network = bp.Network([3, 4, 2])
    conn = network.layers[0].nodes[1].downstream[2]
    conn.upstream_node.downstream.remove(conn)
    conn.downstream_node.upstream.remove(conn)
    return trained_objects(network)


def a_connection_removed_later(bp):
    network = bp.Network([3, 4, 2])

    def remove():
        conn = network.connections.connections[3]
        conn.upstream_node.downstream.remove(conn)
        conn.downstream_node.upstream.remove(conn)

    return trained_objects(network, remove)


def a_connection_past_a_layer(bp):
    network = bp.Network([3, 4, 2])
    up, down = network.layers[0].nodes[0], network.layers[2].nodes[1]
    conn = bp.Connection(up, down)
    up.append_downstream_connection(conn)
    down.append_upstream_connection(conn)
    return trained_objects(network)


def a_connection_led_elsewhere(bp):
    network = bp.Network([3, 4, 2])
    conn = network.layers[0].nodes[1].downstream[2]
    conn.upstream_node = network.layers[0].nodes[0]
    return trained_objects(network)


def a_frozen_connection(bp):
    network = bp.Network([3, 4, 2])
    network.layers[0].nodes[1].downstream[2].update_weight = lambda rate: None
    return trained_objects(network)


def connections_with_momentum(bp):
    class Connection(bp.Connection):
        speed = 0.0

        def update_weight(self, rate):
            self.calc_gradient()
            self.speed = 0.5 * self.speed + self.gradient
            self.weight += rate * self.speed

    network = bp.Network([3, 4, 2])
    for layer in network.layers[:-1]:
        for node in layer.nodes:
            for i, old in enumerate(node.downstream):
                new = Connection(node, old.downstream_node)
                node.downstream[i] = new
                new.downstream_node.upstream[new.downstream_node.upstream.index(old)] = new
    return trained_objects(network)


def an_appended_layer_of_objects(bp):
    network = bp.Network([3, 4])
    last = bp.Layer(2, 2)
    for up in network.layers[-1].nodes:
        for down in last.nodes[:-1]:
            conn = bp.Connection(up, down)
            up.append_downstream_connection(conn)
            down.append_upstream_connection(conn)
    network.layers.append(last)
    return trained_objects(network)


def a_larger_bias(bp):
    network = bp.Network([3, 4, 2])
    network.layers[0].nodes[-1].output = 2.0
    return trained_objects(network)


def a_relu_node(bp):
    class Relu(bp.Node):
        def calc_output(self):
            self.output = max(0.0, sum(conn.upstream_node.output * conn.weight for conn in self.upstream))

    network = bp.Network([3, 4, 2])
    old = network.layers[1].nodes[0]
    new = network.layers[1].nodes[0] = Relu(1, 0)
    new.upstream, new.downstream = old.upstream, old.downstream
    for conn in new.upstream:
        conn.downstream_node = new
    for conn in new.downstream:
        conn.upstream_node = new
    return trained_objects(network)


def weights_assigned_between(bp):
    network = bp.Network([3, 4, 2])

    def change():
        network.layers[0].nodes[1].downstream[2].weight = 0.5
        network.layers[1].nodes[0].upstream[1].weight += 1
        network.layers[1].nodes[1].note = "kept"

    result = trained_objects(network, change)
    network.layers[1].nodes[2].delta = 3.0
    network.calc_gradient()
    assert network.layers[1].nodes[1].note == "kept"
    return [*result, *(conn.gradient for conn in network.connections.connections)]


def a_network_that_builds_itself(bp):
    class Network(bp.Network):
        def __init__(self):
            self.layers, self.connections = [bp.Layer(0, 3), bp.Layer(1, 2)], bp.Connections()
            for up in self.layers[0].nodes:
                for down in self.layers[1].nodes[:-1]:
                    conn = bp.Connection(up, down)
                    self.connections.add_connection(conn)
                    up.append_downstream_connection(conn)
                    down.append_upstream_connection(conn)

    return trained_objects(Network())


def a_perceptron_with_decay(perceptron):
    class Decay(perceptron.Perceptron):
        def _update_weights(self, input_vec, output, label, rate):
            super()._update_weights(input_vec, output, label, rate)
            self.weights = [0.9 * w for w in self.weights]

    p = Decay(2, lambda x: x)
    return run_perceptron(perceptron, {"": p})


def convolved(layer, module):
    rng, result = np.random.default_rng(5), []
    for _ in range(2):
        x, sensitivity = rng.standard_normal((2, 5, 6)), rng.standard_normal(layer.output_array.shape)
        layer.forward(x)
        layer.backward(x, sensitivity, activator(module, "Identity"))
        layer.update()
        result += [layer.output_array.copy(), layer.delta_array]
        result += [np.array(value) for one in layer.filters for value in (one.weights, one.weights_grad, one.bias)]
    return result


def convolution(cnn, of=None):
    return cnn.ConvLayer(6, 5, 2, 3, 3, 2, 1, 2, of or activator(cnn, "Relu"), 0.1)


def shared_kernels(cnn):
    layer = convolution(cnn)
    layer.filters[1] = layer.filters[0]
    return convolved(layer, cnn)


def kernels_that_the_program_holds(cnn):
    layer, weights = convolution(cnn), np.random.default_rng(0).random((2, 3, 3))
    layer.filters[0].weights = weights
    first = convolved(layer, cnn)
    weights *= 0.5
    return [*first, *convolved(layer, cnn), weights]


def a_filter_with_momentum(cnn):
    class Filter(cnn.Filter):
        speed = 0.0

        def update(self, learning_rate):
            self.speed = 0.9 * self.speed + self.weights_grad
            self.weights = self.weights - learning_rate * self.speed

    layer = convolution(cnn)
    layer.filters[0] = Filter(3, 3, 2)
    return convolved(layer, cnn)


class Counting:
    """An activator of numbers, each call of which gives something else."""

    def __init__(self):
        self.calls = 0

    def forward(self, weighted_input):
        self.calls += 1
        return weighted_input * (1 + self.calls % 3)

    def backward(self, output):
        self.calls += 1
        return 1 + self.calls % 2


def an_activator_that_counts(cnn):
    return convolved(convolution(cnn, Counting()), cnn)


def a_forward_of_its_own(cnn):
    class Layer(cnn.ConvLayer):
        def forward(self, input_array):
            super().forward(np.abs(input_array))
            self.padded_input_array = 2 * self.padded_input_array

    return convolved(Layer(6, 5, 2, 3, 3, 2, 1, 2, activator(cnn, "Relu"), 0.1), cnn)


def another_stride_later(cnn):
    layer = convolution(cnn)
    layer.stride, layer.output_array = 1, np.zeros((2, 5, 6))
    layer.output_height, layer.output_width = 5, 6
    return convolved(layer, cnn)


def another_stride_of_a_pool(cnn):
    pool, rng = cnn.MaxPoolingLayer(5, 6, 2, 3, 3, 2), np.random.default_rng(0)
    pool.stride, pool.output_array = 1, np.zeros((2, 4, 3))
    pool.output_height, pool.output_width = 4, 3
    x = rng.standard_normal((2, 6, 5))
    pool.forward(x)
    pool.backward(x, rng.standard_normal((2, 4, 3)))
    return [pool.output_array, pool.delta_array]


def states_assigned_between(rnn):
    layer = rnn.RecurrentLayer(3, 2, Counting(), 0.1)
    layer.W = layer.W * 3000
    result = []
    for _ in range(2):
        for x in np.random.default_rng(0).standard_normal((3, 3, 1)):
            layer.forward(x)
            layer.state_list[-1] = layer.state_list[-1] + 0.5
        layer.backward(np.ones((2, 1)), layer.activator)
        result += [layer.gradient, layer.gradient_U, *layer.state_list, *layer.delta_list]
        layer.update()
    return result


def stepped(layer, module, between=lambda: None):
    rng, result = np.random.default_rng(5), []
    for _ in range(2):
        for x in rng.standard_normal((3, 3, 1)):
            layer.forward(x)
            between()
        layer.backward(x, np.ones((2, 1)), activator(module, "Identity"))
        result += [layer.Wfh_grad, layer.Wix_grad, layer.bo_grad, *layer.h_list, *layer.delta_h_list]
        layer.update()
        result += [np.array(values) for values in (layer.Wfh, layer.Wih, layer.Wox, layer.bc)]
        layer.reset_state()
    return result


def gates_of_another_kind(lstm):
    class Hard:
        def forward(self, weighted_input):
            return np.clip(0.5 + 0.25 * weighted_input, 0, 1)

        def backward(self, output):
            return 0.25 * ((output > 0) & (output < 1))

    layer = lstm.LstmLayer(3, 2, 0.1)
    layer.gate_activator = Hard()
    return stepped(layer, lstm)


def larger_weights(lstm):
    class Layer(lstm.LstmLayer):
        def init_weight_mat(self):
            Wh, Wx, b = super().init_weight_mat()
            return 5000 * Wh, 5000 * Wx, b + 1

        def init_state_vec(self):
            return [np.full((self.state_width, 1), 0.25)]

    return stepped(Layer(3, 2, 0.1), lstm)


def weights_held_and_changed_between(lstm):
    layer, W = lstm.LstmLayer(3, 2, 0.1), np.full((2, 2), 0.5)
    layer.Wfh = W

    def change():
        W[0] *= 0.9

    return [*stepped(layer, lstm, change), layer.Wfh, layer.Wfh is W]


def gates_that_are_gone_back_to(lstm):
    layer, found = lstm.LstmLayer(3, 2, 0.1), []
    for name in ("Wfx", "bo", "Wch"):
        former = getattr(layer, name)
        row = former[1]
        setattr(layer, name, former + 0.5)
        found += [*stepped(layer, lstm), former.copy(), row.copy()]
        setattr(layer, name, former)
        found += [*stepped(layer, lstm), former.copy(), row.copy()]
    return found


def gates_with_the_same_start(lstm):
    layer = lstm.LstmLayer(3, 2, 0.1)
    layer.Wih, layer.bo = np.full((2, 2), 0.5), layer.bf + 1
    layer.h_list[0] = np.full((2, 1), 0.5)
    return stepped(layer, lstm)


def nodes_of_another_class(recursive):
    class Word:
        def __init__(self, data):
            self.data, self.children = data, []

    layer = recursive.RecursiveLayer(2, 2, activator(recursive, "Tanh"), 0.1)
    layer.W = layer.W * 3000
    words = [Word(data) for data in np.random.default_rng(0).random((3, 2, 1))]
    layer.forward(*words[:2])
    layer.forward(layer.root, words[2])
    layer.backward(np.ones((2, 1)))
    kept = layer.W_grad
    layer.update()
    layer.backward(np.ones((2, 1)))
    return [kept, layer.W_grad, layer.b_grad, *(word.delta for word in words)]


def a_layer_that_clips(recursive):
    class Layer(recursive.RecursiveLayer):
        def calc_delta(self, parent_delta, parent):
            super().calc_delta(np.clip(parent_delta, -0.1, 0.1), parent)

    layer = Layer(2, 2, activator(recursive, "Tanh"), 0.1)
    return run_recursive(recursive, {"": layer})


CHANGES = {
    "fc": [
        momentum, an_appended_layer, an_appended_sigmoid_layer, a_replaced_layer, tied_weights,
        weights_that_the_program_holds, an_activator_of_a_subclass, gradients_of_two_times, every_other_sample,
        step_by_step, a_sample_that_changes, weights_that_change_before_an_error_is_looked_at,
        weights_that_the_program_looks_at, weights_assigned_before_an_error_is_looked_at, weights_in_single_precision,
        weights_that_are_gone_back_to, predictions_between, a_layer_more_each_time, a_layer_of_two_networks,
        the_same_layer_twice, an_activator_replaced_between, a_shallow_copy_of_a_layer,
    ],
    "bp": [
        a_removed_connection, a_connection_removed_later, a_connection_past_a_layer, a_connection_led_elsewhere,
        a_frozen_connection, connections_with_momentum, an_appended_layer_of_objects, a_larger_bias, a_relu_node,
        weights_assigned_between, a_network_that_builds_itself,
    ],
    "perceptron": [a_perceptron_with_decay],
    "cnn": [
        shared_kernels, kernels_that_the_program_holds, a_filter_with_momentum, an_activator_that_counts,
        a_forward_of_its_own, another_stride_later, another_stride_of_a_pool,
    ],
    "rnn": [states_assigned_between],
    "lstm": [
        gates_of_another_kind, larger_weights, weights_held_and_changed_between, gates_that_are_gone_back_to,
        gates_with_the_same_start,
    ],
    "recursive": [nodes_of_another_class, a_layer_that_clips],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "program"),
    [(name, p) for name, programs in CHANGES.items() for p in programs],
    ids=lambda p: getattr(p, "__name__", p),
)
def test_a_program_that_changes_something(name, program):
    results = []
    for module in modules(name):
        np.random.seed(6)  # noqa: NPY002
        random.seed(6)
        results.append(program(module))
    agree(*results)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_has_the_gradients_that_nobody_has_looked_at(how):
    from fastdl.compat import bp

    network = bp.Network([40, 30, 2])
    network.get_gradient([0.1, 0.9], [0.5] * 40)
    found = [[conn.gradient for conn in net.layers[1].nodes[3].downstream] for net in (how(network), network)]
    assert found[0] == found[1]
    assert all(found[0])


def test_a_gru_s_former_weights_are_the_program_s():
    from fastdl.compat.gru import GruLayer

    layer, x = GruLayer(3, 2, 0.1), np.ones((3, 1))
    former, bias = layer.Wzx, layer.bc
    kept = former.copy()
    layer.forward(x)
    before = layer.h_list[-1]
    layer.Wzx, layer.bc = former + 1, bias + 1
    layer.forward(x)
    assert np.array_equal(former, kept)
    assert not bias.any()
    layer.reset_state()
    layer.Wzx, layer.bc = former, bias
    layer.forward(x)
    assert np.array_equal(layer.h_list[-1], before)
    layer.backward(x, np.ones((2, 1)), activator(importlib.import_module("fastdl.compat.gru"), "Identity"))
    layer.update()
    assert layer.bc is bias
    assert bias.any()


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("mnist", "perceptron", "linear_unit")])
@pytest.mark.parametrize("how", [copy.deepcopy, lambda parts: pickle.loads(pickle.dumps(parts))])
def test_a_copy_is_another_object(name, how, tmp_path):
    _, module = modules(name)
    np.random.seed(3)  # noqa: NPY002
    parts = globals()[name](module, tmp_path)
    run = globals()[f"run_{name}"]
    first = run(module, parts)
    other, third = how(parts), how(parts)
    one, two = run(module, other), run(module, parts)
    agree(one, two)
    agree(run(module, third), two)
    assert not np.allclose(np.concatenate([np.ravel(v) for v in first]), np.concatenate([np.ravel(v) for v in one]))


# both ways give the same, and what is unchanged takes the fast one


@pytest.mark.parametrize("replaced", ["conv", "get_patch"])
@pytest.mark.parametrize(
    "shape", [(7, 5, 2, 3, 1, 3, 0, 2), (6, 4, 1, 2, 3, 2, 3, 2), (6, 3, 2, 4, 3, 2, 2, 2), (5, 6, 2, 2, 2, 1, 1, 3)]
)
def test_a_convolution_in_steps(replaced, shape, monkeypatch):
    _, cnn = modules("cnn")
    rng = np.random.default_rng(0)
    layers = [cnn.ConvLayer(*shape, activator(cnn, "Sigmoid"), 0.1) for _ in range(2)]
    for one, other in zip(layers[0].filters, layers[1].filters, strict=True):
        one.weights, one.bias = rng.standard_normal(one.weights.shape), 0.5
        other.weights, other.bias = one.weights, one.bias
    x = rng.random((shape[2], shape[1], shape[0]))
    sensitivity, results = rng.standard_normal(layers[0].output_array.shape), []
    for layer in layers:
        layer.backward(x, sensitivity, activator(cnn, "Tanh"))
        assert (layer._through_core is not None) == (layer is layers[0])
        results.append([layer.output_array, layer.delta_array, *(f.weights_grad for f in layer.filters)])
        results[-1] += [f.bias_grad for f in layer.filters]
        original = getattr(cnn, replaced)
        monkeypatch.setattr(cnn, replaced, lambda *arguments, step=original: step(*arguments))
    agree(*results)


@pytest.mark.parametrize("kind", ["MaxPoolingLayer", "MeanPoolingLayer"])
@pytest.mark.parametrize("shape", [(4, 6, 3, 2, 2, 2), (5, 7, 2, 2, 3, 2), (6, 4, 1, 3, 2, 1)])
def test_a_pool_in_steps(kind, shape, monkeypatch):
    _, cnn = modules("cnn")
    rng, pool, results = np.random.default_rng(0), getattr(cnn, kind)(*shape), []
    x, sensitivity = rng.random((shape[2], shape[1], shape[0])), rng.standard_normal(pool.output_array.shape)
    for _ in range(2):
        pool.forward(x)
        pool.backward(x, sensitivity)
        results.append([pool.output_array.copy(), pool.delta_array])
        monkeypatch.setattr(cnn, "get_patch", lambda *arguments, step=cnn.get_patch: step(*arguments))
    agree(*results)


@pytest.mark.parametrize("name", ["bp", "fc"])
def test_unchanged_networks_are_trained_by_the_core(name, monkeypatch):
    _, module = modules(name)
    rng, calls = np.random.default_rng(0), []

    def train(chain, *arguments, step=SigmoidChain.train):
        calls.append(None)
        step(chain, *arguments)

    monkeypatch.setattr(SigmoidChain, "train", train)

    class Network(module.Network):
        def __init__(self, layers):
            super().__init__(layers)
            self.note = "mine"

        def accuracy(self):
            return 1.0

    for count, cls in enumerate((module.Network, Network), 1):
        network = cls([3, 4, 2])
        if name == "bp":
            conn = network.layers[0].nodes[1].downstream[2]
            conn.weight, conn.note = conn.weight + 1, "mine"
            network.predict([1, 2, 3])
        network.train(rng.random((20, 2)), rng.random((20, 3)), 0.5, 1)
        assert len(calls) == count


def test_an_lstm_takes_over_what_only_it_holds():
    _, module = modules("lstm")
    layer, kept = module.LstmLayer(3, 2, 0.1), np.ones((4, 2))
    layer.Wfx, layer.bf = np.ones((3, 2)).T, np.ones((2, 1))
    assert settle(layer)
    layer.Wfh, layer.Wih = kept[:2], kept[2:].T
    assert not settle(layer)
    del kept
    layer.Wih = layer.Wih.copy()
    assert settle(layer)
    assert layer.Wfh.tolist() == layer.Wih.tolist() == [[1, 1], [1, 1]]


def test_layers_of_arrays_learn_in_the_core():
    _, fc = modules("fc")
    network, label, sample = fc.Network([3, 4, 2]), np.ones((2, 1)), np.ones((3, 1))
    network.predict(sample)
    network.train_one_sample(label, sample, 0.5)
    lent = network._lent
    W = network.layers[0].W  # now the program holds it, until it lets go
    for asked in (True, False):
        network.layers[0].note, network.layers[1].W = "mine", np.ones((2, 4))
        network.train_one_sample(label, sample, 0.5)
        assert network._lent is lent
        assert lent._taken[-1] != asked
        assert "W_grad" not in vars(network.layers[0])
        assert network.layers[0].W_grad.shape == (4, 3)
        if asked:
            assert network.layers[0].W is W
            del W
    with pytest.raises(AttributeError, match="'FullConnectedLayer' object has no attribute 'weights'"):
        network.layers[0].weights  # noqa: B018
    assert not hasattr(fc.FullConnectedLayer(3, 2, activator(fc, "Sigmoid")), "W_grad")


@pytest.mark.parametrize(("width", "count"), [(1, 1), (3, 2), (2, 5), (9, 3), (17, 1), (50, 2)])
@pytest.mark.parametrize("kind", ["Tanh", "Sigmoid", "Identity"])
@pytest.mark.parametrize("lay", [np.array, np.asfortranarray, lambda W: W.astype(np.float32), lambda W: W[:, ::-1]])
def test_trees_of_any_width(width, count, kind, lay, monkeypatch):
    results = []
    for module in modules("recursive"):
        rng = np.random.default_rng(7)
        layer = module.RecursiveLayer(width, count, activator(module, kind), 0.5)
        layer.W = lay(rng.standard_normal((width, count * width)) / width)
        layer.b = rng.standard_normal((width, 1))
        leaves = [module.TreeNode(data) for data in rng.standard_normal((2 * count, width, 1))]
        layer.forward(*leaves[:count])
        left = layer.root
        layer.forward(left, *leaves[count + 1 :])
        layer.backward(rng.standard_normal((width, 1)))
        result = [layer.W_grad, layer.b_grad, layer.root.data, left.W_grad, *(leaf.delta for leaf in leaves[:count])]
        layer.update()
        results.append([*result, layer.W, layer.b, layer.root.children_data])
    agree(*results)


def test_trees_go_through_the_core_as_long_as_all_is_of_its_kind(monkeypatch):
    _, recursive = modules("recursive")
    layer = recursive.RecursiveLayer(3, 2, activator(recursive, "Tanh"), 0.5)
    leaves = [recursive.TreeNode(data) for data in np.ones((2, 3, 1))]
    monkeypatch.setattr(recursive, "whole", None)
    monkeypatch.setattr(layer, "_backward_by_levels", None)
    layer.forward(*leaves)
    layer.backward(np.ones((3, 1)))
    monkeypatch.undo()
    expected = layer.root.data
    leaves[1].data = [[1], [1], [1]]
    layer.forward(*leaves)
    agree([layer.root.data], [expected])
    for data, error in (([[1], [np.inf], [1]], "finite"), (np.full((3, 1), np.nan), "finite"), (np.ones(3), "shape")):
        leaves[1].data = data
        with pytest.raises(ValueError, match=f"children's data must .*{error}"):
            layer.forward(*leaves)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 9, 9), (8, 1)])
def test_descended(shape):
    rng = np.random.default_rng(0)
    values, gradient = rng.standard_normal((2, *shape))
    cases = [
        (values, gradient, 0.5), (values, gradient, 2), (values, gradient, np.float64(0.5)),
        (values.astype("float32"), gradient, 0.5), (values, gradient.astype("float32"), 0.5),
        (np.asfortranarray(values), np.asfortranarray(gradient), 0.5), (np.asfortranarray(values), gradient, 0.5),
        (values, gradient[:1], 0.5), (np.repeat(values, 2, axis=0)[::2], gradient, 0.5), (values, 1.5, 0.5),
    ]  # fmt: skip
    for one, slope, rate in cases:
        before = one.copy()
        assert descended(one, slope, rate) is one
        np.testing.assert_allclose(
            one, before - rate * slope, rtol=1e-6 if one.dtype == np.float32 else 1e-14, atol=1e-15
        )
        one[...] = before
    values.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        descended(values, gradient, 0.5)
