"""The articles' classes give the same through the core as in steps, and what is unchanged goes through the core."""

import numpy as np
import pytest
from article_programs import activator, agree, modules

from fastdl.compat._descent import descended
from fastdl.compat._gated import settle
from fastdl.compat._online import SigmoidChain


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
        network.train(rng.random((10, 2)), rng.random((10, 3)), 0.5, 1)
        assert len(calls) == count - 1  # to make the core's network takes longer than few steps
        network.train(rng.random((80, 2)), rng.random((80, 3)), 0.5, 1)
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


@pytest.mark.parametrize("seed", range(20))
def test_layers_of_arrays_are_as_in_the_listing_whatever_a_program_takes_assigns_and_lets_go(seed):
    outcomes = []
    for module in modules("fc"):
        rng, network, kept, seen = np.random.default_rng(seed), module.Network([3, 4, 2]), [], []
        for layer in network.layers:
            layer.W = rng.uniform(-1, 1, layer.W.shape)
        for action in rng.integers(8, size=60):
            network.train_one_sample(rng.random((2, 1)), rng.random((3, 1)), 0.5)
            layer = network.layers[rng.integers(2)]
            if action == 0:
                kept.append(layer.W)
            elif action == 1:
                for array in kept:
                    array += 0.1
                seen += [network.layers[0].delta, *(array.copy() for array in kept)]
                kept.clear()
            elif action == 2:
                seen += [layer.input, layer.output, layer.delta, layer.W_grad, layer.b_grad]
            elif action == 3:
                layer.W = 0.9 * layer.W
            elif action == 4:
                layer.W += 0.1
            elif action == 5:
                layer.delta = layer.output = layer.W_grad = None
            elif action == 6:
                seen.append(network.predict(rng.random((3, 1))))
            else:
                network.train(rng.random((3, 2, 1)), rng.random((3, 3, 1)), 0.5, 2)
        outcomes.append(seen + [array for layer in network.layers for array in (layer.W, layer.b)])
    agree(*outcomes)


@pytest.mark.parametrize(("width", "count"), [(1, 1), (3, 2), (2, 5), (9, 3), (17, 1), (50, 2)])
@pytest.mark.parametrize("kind", ["Tanh", "Sigmoid", "Identity"])
@pytest.mark.parametrize("lay", [np.array, np.asfortranarray, lambda W: W.astype(np.float32), lambda W: W[:, ::-1]])
def test_trees_of_any_width(width, count, kind, lay):
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
