"""A program that changes something of the articles' classes gets what it wrote.

Every method of every class is replaced, in the class, by a subclass and in an object, and the same program then runs on
`tests/listings`, which goes through all steps: the method is called as often, and the numbers are the same.
"""

import importlib
import random
from types import FunctionType, MethodType

import numpy as np
import pytest

MODULES = ("perceptron", "linear_unit", "bp", "mnist", "fc", "cnn", "rnn", "lstm", "recursive")
PRIVATE = {"__init__", "_one_iteration", "_update_weights"}  # of those that begin with "_", the listings' own
NUMBERS = (
    "output", "delta", "weight", "gradient", "weights", "bias", "weights_grad", "bias_grad", "W", "U", "b", "W_grad",
    "b_grad", "gradient_U", "output_array", "delta_array", "Wfh", "Wox", "bi", "Wch_grad", "bo_grad", "Wfx_grad",
)  # fmt: skip


def modules(name):
    return (importlib.import_module(f"{package}.{name}") for package in ("listings", "fastdl.compat"))


def activator(module, name):
    return getattr(importlib.import_module(f"{module.__package__}.activators"), f"{name}Activator")()


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
