"""Programs on the articles' classes, as the listings have them and as `fastdl.compat` does, and what comes of them."""

import importlib
import random

import numpy as np

MODULES = ("perceptron", "linear_unit", "bp", "mnist", "fc", "cnn", "rnn", "lstm", "recursive")


def modules(name):
    return (importlib.import_module(f"{package}.{name}") for package in ("listings", "fastdl.compat"))


def activator(module, name):
    return getattr(importlib.import_module(f"{module.__name__.rpartition('.')[0]}.activators"), f"{name}Activator")()


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


run_linear_unit = run_perceptron


def build(name, module, path):
    """Return the objects of a program, by their class's name."""
    return globals()[name](module, path)


def parts_of(name, parts):
    """Return what these are made of besides."""
    return globals().get(f"parts_of_{name}", lambda parts: {})(parts)


def run(name, module, parts):
    """Return the numbers that a program comes to."""
    return globals()[f"run_{name}"](module, parts)


def outcome(name, module, path, change_before=lambda: None, change_after=lambda parts: None):
    """Build and run a program; what it is made of may be changed before and after it is built."""
    np.random.seed(3)  # noqa: NPY002
    change_before()
    parts = build(name, module, path)
    change_after(parts)
    return run(name, module, parts)


def agree(one, other):
    """Assert that two outcomes are the same numbers."""
    one, other = (np.concatenate([np.ravel(np.asarray(value, float)) for value in values]) for values in (one, other))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)


def cases(changes):
    """Return each program with the name of the module that it is for, from lists of them by these names."""
    return [(name, program) for name, programs in changes.items() for program in programs]


def called(value):
    """Return the name of a program."""
    return getattr(value, "__name__", value)


def check_change(name, program):
    """Assert that a program which changes something has the same outcome with the listing's module and with ours."""
    results = []
    for module in modules(name):
        np.random.seed(6)  # noqa: NPY002
        random.seed(6)
        results.append(program(module))
    agree(*results)
