"""A program that changes a convolutional, recurrent or recursive layer of the articles' gets what it wrote."""

import importlib

import numpy as np
import pytest
from article_programs import activator, called, cases, check_change, run_recursive


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


def an_input_replaced_between(cnn):
    layer, rng = convolution(cnn), np.random.default_rng(5)
    x, other, sensitivity = rng.standard_normal((2, 5, 6)), rng.standard_normal((2, 5, 6)), np.ones((2, 3, 3))
    layer.forward(x)
    layer.input_array = other
    return gradients_alone(layer, sensitivity, cnn)


def an_input_changed_between(cnn):
    layer, rng = convolution(cnn), np.random.default_rng(5)
    x, sensitivity = rng.standard_normal((2, 5, 6)), np.ones((2, 3, 3))
    layer.forward(x)
    x *= 2
    return gradients_alone(layer, sensitivity, cnn)


def a_frame_changed_between(cnn):
    layer, rng = convolution(cnn), np.random.default_rng(5)
    layer.forward(rng.standard_normal((2, 5, 6)))
    layer.padded_input_array[:, 0] = 0.5
    return gradients_alone(layer, np.ones((2, 3, 3)), cnn)


def gradients_alone(layer, sensitivity, module):
    layer.bp_sensitivity_map(sensitivity, activator(module, "Tanh"))
    layer.bp_gradient(sensitivity)
    return [layer.delta_array, *(value for one in layer.filters for value in (one.weights_grad, one.bias_grad))]


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


def a_node_that_occurs_twice(recursive):
    class Sine:
        def forward(self, weighted_input):
            return np.sin(weighted_input)

        def backward(self, output):
            return 1 - output * output

    found = []
    for one in (Sine(), activator(recursive, "Tanh")):
        layer, rng = recursive.RecursiveLayer(2, 2, one, 0.1), np.random.default_rng(4)
        layer.W = layer.W * 5000
        layer.forward(*(recursive.TreeNode(data) for data in rng.standard_normal((2, 2, 1))))
        layer.forward(layer.root, layer.root)
        layer.backward(np.ones((2, 1)))
        found += [layer.root.children[0].delta, layer.W_grad, layer.b_grad]
    return found


def a_root_that_is_a_leaf(recursive):
    found = []
    for width in (2, 160):  # few weights go node by node, many level by level
        layer = recursive.RecursiveLayer(width, 2, activator(recursive, "Tanh"), 0.1)
        layer.root = recursive.TreeNode(np.full((width, 1), 0.5))
        layer.backward(np.ones((width, 1)))
        found += [layer.root.delta, layer.W_grad, layer.b_grad]
    return found


CHANGES = {
    "cnn": [
        shared_kernels, kernels_that_the_program_holds, a_filter_with_momentum, an_activator_that_counts,
        a_forward_of_its_own, another_stride_later, an_input_replaced_between, an_input_changed_between,
        a_frame_changed_between, another_stride_of_a_pool,
    ],
    "rnn": [states_assigned_between],
    "lstm": [
        gates_of_another_kind, larger_weights, weights_held_and_changed_between, gates_that_are_gone_back_to,
        gates_with_the_same_start,
    ],
    "recursive": [nodes_of_another_class, a_layer_that_clips, a_node_that_occurs_twice, a_root_that_is_a_leaf],
}  # fmt: skip


@pytest.mark.parametrize(("name", "program"), cases(CHANGES), ids=called)
def test_a_program_that_changes_something(name, program):
    check_change(name, program)


def test_outputs_of_one_number_can_be_written_to():
    """An activator of numbers may give a number for a column of one."""

    class Step:
        def forward(self, weighted_input):
            return 1.0 if weighted_input > 0 else 0.0

        def backward(self, output):
            return 1

    fc, recursive = (importlib.import_module(f"fastdl.compat.{name}") for name in ("fc", "recursive"))
    layer, tree = fc.FullConnectedLayer(3, 1, Step()), recursive.RecursiveLayer(1, 1, Step(), 0.1)
    layer.forward([[1], [2], [3]])
    layer.output += 1
    tree.forward(recursive.TreeNode(np.ones((1, 1))))
    tree.root.data[0] = 2
    assert layer.output.shape == tree.root.data.shape == (1, 1)


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
