"""The articles' layers: equal to the reference, exact gradients for every parameter and activator, clear errors."""

import numpy as np
import pytest
import reference
from conftest import close
from hypothesis import given
from hypothesis import strategies as st

from fastdl.compat import cnn
from fastdl.compat.activators import IdentityActivator, ReluActivator, SigmoidActivator, TanhActivator
from fastdl.compat.fc import FullConnectedLayer
from fastdl.compat.gru import GruLayer
from fastdl.compat.lstm import LstmLayer
from fastdl.compat.recursive import RecursiveLayer, TreeNode
from fastdl.compat.rnn import RecurrentLayer


class OfNumbers:
    """A user's own, as the article writes it: it takes numbers alone."""

    def forward(self, weighted_input):
        return weighted_input if weighted_input > 0 else 0.1 * weighted_input

    def backward(self, output):
        return 1 if output > 0 else 0.1


class OfArrays:
    def forward(self, weighted_input):
        return np.arctan(weighted_input)

    def backward(self, output):
        return np.cos(output) ** 2


OURS = IdentityActivator, ReluActivator, SigmoidActivator, TanhActivator
ACTIVATORS = *OURS, OfNumbers, OfArrays
activators = pytest.mark.parametrize("activator", ACTIVATORS, ids=lambda a: a.__name__)


def apply(method, array):
    return np.array([method(x) for x in np.ravel(array)], dtype=float).reshape(np.shape(array))


def check(objective, parameters, gradients):
    """Each gradient against central differences: 1e-7 of the largest."""
    gradients = [np.array(g, dtype=float) for g in gradients]
    for values, gradient in zip(parameters, gradients, strict=True):
        expected = np.zeros_like(gradient)
        for i in np.ndindex(values.shape):
            kept, errors = values[i], []
            for shift in (-1e-5, 1e-5):
                values[i] = kept + shift
                errors.append(objective())
            values[i] = kept
            expected[i] = (errors[1] - errors[0]) / 2e-5
        assert np.abs(gradient - expected).max() <= 1e-7 * max(np.abs(expected).max(), 1e-2)


class Bias:
    """A filter's number, as if it were an array."""

    shape = ()

    def __init__(self, one):
        self.one = one

    def __getitem__(self, place):
        return self.one.bias

    def __setitem__(self, place, value):
        self.one.bias = value


def draw(layer, names, rng, scale=0.5):
    for name in names:
        setattr(layer, name, scale * rng.standard_normal(getattr(layer, name).shape))


# activators


@pytest.mark.parametrize("activator", OURS, ids=lambda a: a.__name__)
def test_activators_take_numbers_and_arrays(activator, rng):
    x = rng.standard_normal((3, 4))
    name = activator.kernel
    expected = {"identity": x, "relu": np.maximum(x, 0), "sigmoid": reference.sigmoid(x), "tanh": np.tanh(x)}[name]
    close(activator().forward(x), expected)
    close(activator().backward(expected), reference.activation_backward(np.ones_like(x), expected, name))
    assert isinstance(activator().forward(0.3), float)
    assert activator().forward(x[0, 0]) == pytest.approx(expected[0, 0])
    assert activator().backward(2) == pytest.approx(activator().backward(np.array([2.0]))[0])


@pytest.mark.parametrize(
    "make",
    [
        lambda a: cnn.ConvLayer(5, 5, 1, 3, 3, 1, 0, 1, a, 0.1),
        lambda a: FullConnectedLayer(3, 2, a),
        lambda a: RecurrentLayer(3, 2, a, 0.1),
        lambda a: RecursiveLayer(3, 2, a, 0.1),
    ],
)
def test_an_activator_must_have_both_methods(make):
    with pytest.raises(TypeError, match="activator must have the methods forward and backward; received"):
        make(np.tanh)


# article 3


@activators
def test_full_connection(activator, rng):
    activator = activator()
    layer = FullConnectedLayer(5, 4, activator)
    draw(layer, ("W", "b"), rng)
    x, asked = apply(activator.forward, rng.standard_normal((5, 1))), rng.standard_normal((4, 1))
    layer.forward(x)
    close(layer.output, apply(activator.forward, layer.W @ x + layer.b))
    layer.backward(asked * apply(activator.backward, layer.output))
    close(layer.delta, apply(activator.backward, x) * (layer.W.T @ (asked * apply(activator.backward, layer.output))))

    def objective():
        layer.forward(x)
        return float((asked * layer.output).sum())

    check(objective, (layer.W, layer.b), (layer.W_grad, layer.b_grad))
    before, step = layer.W.copy(), layer.W_grad.copy()
    layer.update(0.5)
    close(layer.W, before + 0.5 * step)


# article 4


@activators
@pytest.mark.parametrize(
    "shape",
    [
        (5, 5, 3, 3, 3, 2, 1, 2),
        (7, 5, 2, 3, 1, 3, 0, 2),
        (4, 6, 1, 2, 2, 1, 0, 1),
        (6, 3, 2, 4, 3, 2, 2, 2),
        (6, 8, 2, 3, 2, 2, 0, 2),  # a column is left over
        (7, 6, 1, 2, 3, 2, 1, 4),  # three columns and one row
    ],
)
def test_convolution_layer(activator, shape, rng):
    activator, previous = activator(), TanhActivator()
    layer = cnn.ConvLayer(*shape, activator, 0.1)
    width, height, channels, _, _, filters, zero_padding, stride = shape
    for one in layer.filters:
        one.weights, one.bias = rng.standard_normal(one.weights.shape), rng.standard_normal()
    x = np.tanh(rng.standard_normal((channels, height, width)))
    layer.forward(x)
    weight, bias = np.stack([one.weights for one in layer.filters]), np.array([one.bias for one in layer.filters])
    pair = (stride, stride), (zero_padding, zero_padding)
    linear = reference.cross_correlate2d(x[None], weight, bias, *pair)[0]
    close(layer.output_array, apply(activator.forward, linear))
    assert layer.output_array.shape == (filters, layer.output_height, layer.output_width)
    close(layer.padded_input_array, reference.pad(x[None], pair[1])[0])

    asked = rng.standard_normal(layer.output_array.shape)
    sensitivity = asked * apply(activator.backward, layer.output_array)
    layer.backward(x, sensitivity, previous)
    dx = reference.cross_correlate2d_backward(sensitivity[None], x[None], weight, *pair)[0][0]
    close(layer.delta_array, dx * (1 - x**2))

    def objective():
        layer.forward(x)
        return float((asked * layer.output_array).sum())

    check(
        objective,
        [*(one.weights for one in layer.filters), *(Bias(one) for one in layer.filters)],
        [*(one.weights_grad for one in layer.filters), *(one.bias_grad for one in layer.filters)],
    )

    whole = layer.delta_array, [one.weights_grad.copy() for one in layer.filters]
    layer.forward(x)
    layer.bp_sensitivity_map(sensitivity, previous)
    layer.bp_gradient(sensitivity)
    close(layer.delta_array, whole[0])
    for one, gradient in zip(layer.filters, whole[1], strict=True):
        close(one.weights_grad, gradient)
    before = layer.filters[0].weights.copy()
    layer.update()
    close(layer.filters[0].weights, before - 0.1 * whole[1][0])


def test_filters_are_live_and_alone():
    layer = cnn.ConvLayer(4, 4, 1, 2, 2, 1, 0, 1, IdentityActivator(), 0.1)
    layer.filters[0].weights[0, 1, 1] += 3
    layer.filters[0].bias = -1
    layer.forward(np.ones((1, 4, 4)))
    close(layer.output_array, np.full((1, 3, 3), layer.filters[0].get_weights().sum() + layer.filters[0].get_bias()))
    alone = cnn.Filter(3, 2, 1)
    assert alone.weights.shape == (1, 2, 3)
    assert np.abs(alone.weights).max() <= 1e-4
    assert alone.bias == 0
    alone.weights_grad, alone.bias_grad = np.ones((1, 2, 3)), 2
    before = alone.weights.copy()
    alone.update(0.5)
    close(alone.weights, before - 0.5)
    assert alone.bias == -1
    assert repr(alone).startswith("filter weights:\n")


def test_sensitivity_maps_are_expanded(rng):
    layer = cnn.ConvLayer(7, 5, 1, 3, 3, 2, 0, 2, IdentityActivator(), 0.1)
    delta = rng.standard_normal((2, 2, 3))
    expanded = layer.expand_sensitivity_map(delta)
    assert expanded.shape == (2, 3, 5)
    close(expanded[:, ::2, ::2], delta)
    assert expanded.sum() == pytest.approx(delta.sum())
    assert not layer.create_delta_array().any()


@pytest.mark.parametrize(("layer", "kind"), [(cnn.MaxPoolingLayer, "max"), (cnn.MeanPoolingLayer, "mean")])
@pytest.mark.parametrize(
    "shape",
    [
        (4, 6, 3, 2, 2, 2),
        (38, 4, 2, 2, 2, 2),
        (7, 5, 2, 3, 3, 2),
        (6, 4, 1, 3, 1, 1),
        (5, 7, 3, 2, 2, 2),  # a row and a column are left over
        (5, 4, 2, 2, 2, 2),
        (6, 8, 2, 3, 2, 4),
    ],
)
def test_pooling_layers(layer, kind, shape, rng):
    pool = layer(*shape)
    width, height, channels, w, h, stride = shape
    x = rng.standard_normal((channels, height, width))
    pool.forward(x)
    close(pool.output_array, getattr(reference, f"{kind}_pool2d")(x[None], (h, w), (stride, stride))[0])
    sensitivity = rng.standard_normal(pool.output_array.shape)
    pool.backward(x, sensitivity)
    backward = getattr(reference, f"{kind}_pool2d_backward")
    close(pool.delta_array, backward(sensitivity[None], x[None], (h, w), (stride, stride))[0])


def test_functions_of_article_4(rng):
    x = rng.standard_normal((2, 5, 6))
    assert np.shares_memory(cnn.get_patch(x, 1, 2, 3, 2, 2), x)
    close(cnn.get_patch(x, 1, 1, 3, 2, 2), x[:, 2:4, 2:5])
    close(cnn.get_patch(x[0], 0, 1, 2, 2, 1), x[0, :2, 1:3])
    assert cnn.get_max_index(np.array([[1, 7], [7, 2]])) == (0, 1)
    assert cnn.padding(x, 0) is x
    close(cnn.padding(x, 2), np.pad(x, ((0, 0), (2, 2), (2, 2))))
    close(cnn.padding(x[0], 1), np.pad(x[0], 1))
    kernel, y = rng.standard_normal((2, 3, 3)), np.zeros((2, 2))
    cnn.conv(x, kernel, y, 2, 0.5)
    close(y, reference.cross_correlate2d(x[None], kernel[None], np.array([0.5]), (2, 2), (0, 0))[0, 0])
    flat = np.zeros((3, 4))
    cnn.conv(x[0], kernel[0], flat, 1, 0)
    close(flat, reference.cross_correlate2d(x[None, :1], kernel[None, :1], np.zeros(1), (1, 1), (0, 0))[0, 0])
    numbers = np.array([[-1.0, 2.0], [3.0, -4.0]])
    cnn.element_wise_op(numbers, lambda v: max(0, v))
    close(numbers, np.array([[0.0, 2.0], [3.0, 0.0]]))
    assert cnn.ConvLayer.calculate_output_size(5, 3, 1, 2) == 3


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda: cnn.ConvLayer(3, 5, 1, 6, 3, 1, 1, 1, ReluActivator(), 0.1),
            "filter_width must be at most 5.*received 6",
        ),
        (
            lambda: cnn.ConvLayer(5, 3, 1, 3, 4, 1, 0, 1, ReluActivator(), 0.1),
            "filter_height must be at most 3.*received 4",
        ),
        (lambda: cnn.MaxPoolingLayer(5, 4, 1, 2, 5, 2), "filter_height must be at most 4.*received 5"),
        (lambda: cnn.ConvLayer(5, 5, 1, 3, 3, 1, -1, 1, ReluActivator(), 0.1), "zero_padding must be at least 0"),
        (lambda: cnn.conv(np.ones((2, 2)), np.ones((1, 2, 2)), np.ones((1, 1)), 1, 0), "kernel_array must both be"),
        (lambda: cnn.conv(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 1)), 1, 0), "output_array must be at most"),
        (lambda: cnn.padding(np.ones(3), 1), r"input_array must have shape \(H, W\) or"),
    ],
)
def test_what_does_not_fit(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_convolution_layer_refuses():
    layer = cnn.ConvLayer(5, 4, 2, 2, 2, 3, 0, 1, ReluActivator(), 0.1)
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layer.bp_gradient(np.ones((3, 3, 4)))
    with pytest.raises(ValueError, match=r"input_array must have shape \(2, 4, 5\); received \(2, 5, 4\)"):
        layer.forward(np.ones((2, 5, 4)))
    with pytest.raises(ValueError, match=r"sensitivity_array must have shape \(3, 3, 4\); received \(3, 4, 4\)"):
        layer.backward(np.ones((2, 4, 5)), np.ones((3, 4, 4)), ReluActivator())
    with pytest.raises(ValueError, match="input_array must be finite"):
        layer.forward(np.full((2, 4, 5), np.nan))
    layer.filters[1].weights = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"filters\[1\].weights must have shape \(2, 2, 2\); received \(2, 2\)"):
        layer.forward(np.ones((2, 4, 5)))


# articles 5 and 6


def run(layer, inputs):
    layer.reset_state()
    for x in inputs:
        layer.forward(x)


sizes = st.integers(1, 20)


@activators
def test_recurrent_layer(activator, rng):
    activator = activator()
    layer = RecurrentLayer(3, 5, activator, 0.1)
    draw(layer, ("U", "W"), rng)
    inputs, asked = rng.standard_normal((4, 3, 1)), rng.standard_normal((5, 1))
    run(layer, inputs)
    h = np.zeros((5, 1))
    for x, state in zip(inputs, layer.state_list[1:], strict=True):
        h = reference.rnn_step(x, h, layer.U, layer.W, lambda v: apply(activator.forward, v))
        close(state, h)
    assert layer.times == 4
    layer.backward(asked * apply(activator.backward, layer.state_list[-1]), activator)
    delta = asked * apply(activator.backward, layer.state_list[4])
    for k in range(4, 0, -1):
        close(layer.delta_list[k], delta)
        delta = (layer.W.T @ delta) * apply(activator.backward, layer.state_list[k - 1])

    def objective():
        run(layer, inputs)
        return float((asked * layer.state_list[-1]).sum())

    check(objective, (layer.W, layer.U), (layer.gradient, layer.gradient_U))
    W, U = layer.W - 0.1 * layer.gradient, layer.U - 0.1 * layer.gradient_U
    layer.update()
    close(layer.W, W)
    close(layer.U, U)


GATED = {LstmLayer: "fioc", GruLayer: "zrc"}


def names(cls, suffix=""):
    return [f"{a}{letter}{b}{suffix}" for letter in GATED[cls] for a, b in (("W", "h"), ("W", "x"), ("b", ""))]


@pytest.mark.parametrize("cls", GATED)
@given(inputs=sizes, units=sizes, steps=st.integers(1, 5), seed=st.integers(0, 99))
def test_gated_layers_forward(cls, inputs, units, steps, seed):
    rng = np.random.default_rng(seed)
    layer = cls(inputs, units, 0.1)
    draw(layer, names(cls), rng)
    p = {name: getattr(layer, name) for name in names(cls)}
    xs = rng.standard_normal((steps, inputs, 1))
    run(layer, xs)
    h = c = np.zeros((units, 1))
    for t, x in enumerate(xs, 1):
        if cls is LstmLayer:
            h, c = reference.lstm_step(x, h, c, p)
            close(layer.c_list[t], c)
        else:
            h = reference.gru_step(x, h, p)
        close(layer.h_list[t], h)
    assert layer.times == steps


@pytest.mark.parametrize("cls", GATED)
@pytest.mark.parametrize(("inputs", "units", "steps"), [(3, 2, 2), (1, 1, 1), (5, 9, 4), (17, 19, 3)])
def test_gated_layers_gradients(cls, inputs, units, steps, rng):
    layer = cls(inputs, units, 0.1)
    draw(layer, names(cls), rng)
    xs, asked = rng.standard_normal((steps, inputs, 1)), rng.standard_normal((units, 1))
    run(layer, xs)
    layer.backward(xs[-1], asked, IdentityActivator())
    close(layer.delta_h_list[-1], asked)

    def objective():
        run(layer, xs)
        return float((asked * layer.h_list[-1]).sum())

    check(
        objective,
        [*(getattr(layer, name) for name in names(cls)), *xs],
        [*(getattr(layer, name) for name in names(cls, "_grad")), *layer.delta_x_list[1:]],
    )
    expected = {name: getattr(layer, name) - 0.1 * getattr(layer, f"{name}_grad") for name in names(cls)}
    layer.update()
    for name, values in expected.items():
        close(getattr(layer, name), values)


def test_the_lists_of_an_lstm(rng):
    layer = LstmLayer(3, 2, 0.1)
    draw(layer, names(LstmLayer), rng)
    xs = rng.standard_normal((3, 3, 1))
    run(layer, xs)
    layer.backward(xs[-1], np.ones((2, 1)), TanhActivator())
    for name in ("c", "h", "f", "i", "o", "ct", "delta_h", "delta_f", "delta_i", "delta_o", "delta_ct"):
        columns = getattr(layer, f"{name}_list")
        assert len(columns) == 4
        assert all(column.shape == (2, 1) for column in columns)
    close(layer.h_list[2], layer.o_list[2] * np.tanh(layer.c_list[2]))
    close(layer.c_list[2], layer.f_list[2] * layer.c_list[1] + layer.i_list[2] * layer.ct_list[2])
    close(layer.bi_grad, sum(layer.delta_i_list))
    close(layer.Wox_grad, sum(d @ x.T for d, x in zip(layer.delta_o_list[1:], xs, strict=True)))
    below = sum(
        getattr(layer, f"W{k}x").T @ getattr(layer, f"delta_{n}_list")[1]
        for k, n in zip("fioc", ("f", "i", "o", "ct"), strict=True)
    )
    close(layer.delta_x_list[1], below * (1 - xs[0] ** 2))
    layer.reset_state()
    assert layer.times == 0
    assert len(layer.c_list) == len(layer.h_list) == 1


def test_weights_keep_their_places():
    layer = GruLayer(2, 3, 0.1)
    layer.Wzh = np.arange(9).reshape(3, 3)
    layer.Wch[1, 2] = 5
    assert layer.Wzh[1, 2] == 5 == layer.Wch[1, 2]
    assert np.abs(layer.Wrh).max() <= 1e-4
    layer.Wzx = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"Wzx must have shape \(3, 2\); received \(2, 3\)"):
        layer.forward(np.ones((2, 1)))


@pytest.mark.parametrize(
    "make",
    [lambda: RecurrentLayer(3, 2, TanhActivator(), 0.1), lambda: LstmLayer(3, 2, 0.1), lambda: GruLayer(3, 2, 0.1)],
)
def test_recurrent_layers_refuse(make):
    layer = make()
    arguments = (np.ones((2, 1)), TanhActivator())
    if not isinstance(layer, RecurrentLayer):
        arguments = (np.ones((3, 1)), *arguments)
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layer.backward(*arguments)
    with pytest.raises(ValueError, match=r"must have shape \(3, 1\); received \(2, 1\)"):
        layer.forward(np.ones((2, 1)))
    with pytest.raises(ValueError, match="must be finite"):
        layer.forward(np.full((3, 1), np.inf))
    assert layer.times == 0
    layer.forward(np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"must have shape \(2, 1\); received \(2,\)"):
        layer.backward(*(np.ones(2) if np.shape(a) == (2, 1) else a for a in arguments))
    with pytest.raises(TypeError, match="activator must have the methods"):
        layer.backward(*arguments[:-1], np.tanh)


# article 7


def tree(layer, leaves):
    """((0 1) (2 3)) 4"""
    nodes = [TreeNode(leaf) for leaf in leaves]
    layer.reset_state()
    layer.forward(*nodes[:2])
    left = layer.root
    layer.forward(*nodes[2:4])
    layer.forward(left, layer.root)
    layer.forward(layer.root, nodes[4])
    return nodes


@activators
def test_recursive_layer(activator, rng):
    activator = activator()
    layer = RecursiveLayer(3, 2, activator, 0.1)
    draw(layer, ("W", "b"), rng)
    leaves = apply(activator.forward, rng.standard_normal((5, 3, 1)))
    nodes = tree(layer, leaves)
    assert nodes[0].parent.parent.parent is layer.root
    below = np.concatenate([layer.root.children[0].data, leaves[4]])
    close(layer.root.data, apply(activator.forward, layer.W @ below + layer.b))
    close(layer.root.children_data, below)
    asked = rng.standard_normal((3, 1))
    layer.backward(asked * apply(activator.backward, layer.root.data))
    delta = (layer.W.T @ layer.root.delta)[3:] * apply(activator.backward, leaves[4])
    close(nodes[4].delta, delta)

    def objective():
        tree(layer, leaves)
        return float((asked * layer.root.data).sum())

    W, b = layer.W - 0.1 * layer.W_grad, layer.b - 0.1 * layer.b_grad
    check(objective, (layer.W, layer.b), (layer.W_grad, layer.b_grad))
    layer.update()
    close(layer.W, W)
    close(layer.b, b)


def test_a_deep_tree_does_not_overflow():
    layer = RecursiveLayer(2, 2, TanhActivator(), 0.1)
    layer.forward(TreeNode(np.ones((2, 1))), TreeNode(np.ones((2, 1))))
    for _ in range(3000):
        layer.forward(layer.root, TreeNode(np.ones((2, 1))))
    layer.backward(np.ones((2, 1)))
    assert np.isfinite(layer.W_grad).all()


def test_recursive_layer_refuses():
    layer = RecursiveLayer(2, 2, TanhActivator(), 0.1)
    with pytest.raises(RuntimeError, match="backward must follow forward"):
        layer.backward(np.ones((2, 1)))
    with pytest.raises(ValueError, match="children must be 2 nodes; received 1"):
        layer.forward(TreeNode(np.ones((2, 1))))
    with pytest.raises(ValueError, match=r"children's data must have shape \(2, 1\); received \(3, 1\)"):
        layer.forward(TreeNode(np.ones((2, 1))), TreeNode(np.ones((3, 1))))
    with pytest.raises(TypeError, match="children must be TreeNodes; received"):
        layer.forward(np.ones((2, 1)), np.ones((2, 1)))
    assert layer.root is None


@pytest.mark.parametrize(
    "what", ["a", None, 5, [[1], [2, 3]], np.ones((2, 2)) * 1j, np.full((2, 2), np.nan), np.ones((0, 2))]
)
def test_functions_of_article_4_refuse(what):
    one = np.ones((2, 2))
    calls = [cnn.get_max_index, lambda x: cnn.padding(x, 1), lambda x: cnn.conv(x, one, np.ones((1, 1)), 1, 0)]
    if not isinstance(what, np.ndarray):
        calls += [lambda x: cnn.conv(one, one, x, 1, 0), lambda x: cnn.element_wise_op(x, abs)]
    for call in calls:
        with pytest.raises((TypeError, ValueError), match="must"):
            call(what)


def test_inputs_may_be_used_again(rng):
    layer, buffer, xs = LstmLayer(3, 2, 0.1), np.zeros((3, 1)), rng.standard_normal((3, 3, 1))
    for x in xs:
        buffer[...] = x
        layer.forward(buffer)
    close(np.stack(layer.x_list), xs)


def test_a_tree_is_printed(capsys):
    layer = RecursiveLayer(2, 2, IdentityActivator(), 0.1)
    layer.W, layer.b = np.eye(2, 4), np.full((2, 1), 0.5)
    layer.forward(TreeNode(np.array([[1.0], [2.0]])), TreeNode(np.array([[3.0], [4.0]])))
    layer.dump()
    assert capsys.readouterr().out == "root.data: [[1.5]\n [2.5]]\nroot.children_data: [[1.]\n [2.]\n [3.]\n [4.]]\n"
    layer.backward(np.array([[1.0], [0.0]]))
    layer.dump(dump_grad="true")
    assert capsys.readouterr().out.endswith("W_grad: [[1. 2. 3. 4.]\n [0. 0. 0. 0.]]\nb_grad: [[1.]\n [0.]]\n")


def test_the_steps_of_a_recursive_layer(rng):
    layer = RecursiveLayer(3, 2, TanhActivator(), 0.1)
    draw(layer, ("W", "b"), rng)
    nodes = tree(layer, rng.standard_normal((5, 3, 1)))
    close(layer.concatenate(nodes[:2]), np.concatenate([nodes[0].data, nodes[1].data]))
    with pytest.raises(AttributeError):
        _ = layer.root.W_grad
    layer.backward(np.ones((3, 1)))
    deltas, gradients = [node.delta for node in nodes], (layer.W_grad, layer.b_grad)
    layer.calc_delta(2 * np.ones((3, 1)), layer.root)
    for node, delta in zip(nodes, deltas, strict=True):
        close(node.delta, 2 * delta)
    for twice, once in zip(layer.calc_gradient(layer.root), gradients, strict=True):
        close(twice, 2 * once)
    close(layer.root.W_grad, layer.root.delta @ layer.root.children_data.T)
    assert not layer.calc_gradient(nodes[0])[0].any()


def test_states_of_an_lstm_step_by_step(rng):
    layer = LstmLayer(3, 2, 0.1)
    draw(layer, names(LstmLayer), rng)
    x = rng.standard_normal((3, 1))
    gate = layer.calc_gate(x, layer.Wfx, layer.Wfh, layer.bf, layer.gate_activator)
    close(gate, reference.sigmoid(layer.Wfx @ x + layer.Wfh @ layer.h_list[-1] + layer.bf))
    run(layer, [x, x])
    layer.backward(x, np.ones((2, 1)), IdentityActivator())
    whole = {name: getattr(layer, name) for name in names(LstmLayer, "_grad")}
    layer.calc_delta(np.ones((2, 1)), IdentityActivator())
    layer.calc_gradient(x)
    for name, gradient in whole.items():
        close(getattr(layer, name), gradient)
    assert len(layer.calc_gradient_t(1)) == 8
    assert [len(layer.init_delta()), len(layer.init_state_vec())] == [3, 1]
    assert [array.shape for array in layer.init_weight_gradient_mat()] == [(2, 2), (2, 3), (2, 1)]


@pytest.mark.parametrize("name", ["gate_activator", "output_activator"])
def test_a_gru_layer_has_the_activators_that_the_core_has(name):
    layer = GruLayer(3, 2, 0.1)
    x = np.ones((3, 1))
    layer.forward(x)
    setattr(layer, name, ReluActivator())
    message = f"{name} must be a (Sigmoid|Tanh)Activator as it is, .* received <.*ReluActivator"
    with pytest.raises(ValueError, match=message):
        layer.backward(x, np.ones((2, 1)), IdentityActivator())
    with pytest.raises(ValueError, match=message):
        layer.forward(x)
    setattr(layer, name, {"gate_activator": SigmoidActivator, "output_activator": TanhActivator}[name]())
    layer.forward(x)
    assert layer.times == 2
