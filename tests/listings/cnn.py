# ruff: noqa: NPY002
import numpy as np


def get_patch(input_array, i, j, filter_width, filter_height, stride):
    i, j = i * stride, j * stride
    return input_array[..., i : i + filter_height, j : j + filter_width]


def get_max_index(array):
    best = 0, 0
    for place in np.ndindex(array.shape):
        if array[place] > array[best]:
            best = place
    return best


def conv(input_array, kernel_array, output_array, stride, bias):
    height, width = kernel_array.shape[-2:]
    for i, j in np.ndindex(output_array.shape):
        output_array[i, j] = (get_patch(input_array, i, j, width, height, stride) * kernel_array).sum() + bias


def padding(input_array, zp):
    return np.pad(input_array, [(0, 0)] * (input_array.ndim - 2) + [(zp, zp)] * 2) if zp else input_array


def element_wise_op(array, op):
    for place in np.ndindex(array.shape):
        array[place] = op(array[place])


class Filter:
    def __init__(self, width, height, depth):
        self.weights = np.random.uniform(-1e-4, 1e-4, (depth, height, width))
        self.weights_grad = np.zeros(self.weights.shape)
        self.bias = self.bias_grad = 0.0

    def get_weights(self):
        return self.weights

    def get_bias(self):
        return self.bias

    def update(self, learning_rate):
        self.weights -= learning_rate * self.weights_grad
        self.bias -= learning_rate * self.bias_grad


class ConvLayer:
    def __init__(
        self,
        input_width,
        input_height,
        channel_number,
        filter_width,
        filter_height,
        filter_number,
        zero_padding,
        stride,
        activator,
        learning_rate,
    ):
        self.input_width, self.input_height, self.channel_number = input_width, input_height, channel_number
        self.filter_width, self.filter_height, self.filter_number = filter_width, filter_height, filter_number
        self.zero_padding, self.stride = zero_padding, stride
        self.output_width = ConvLayer.calculate_output_size(input_width, filter_width, zero_padding, stride)
        self.output_height = ConvLayer.calculate_output_size(input_height, filter_height, zero_padding, stride)
        self.output_array = np.zeros((filter_number, self.output_height, self.output_width))
        self.filters = [Filter(filter_width, filter_height, channel_number) for _ in range(filter_number)]
        self.activator, self.learning_rate = activator, learning_rate

    @staticmethod
    def calculate_output_size(input_size, filter_size, zero_padding, stride):
        return (input_size - filter_size + 2 * zero_padding) // stride + 1

    def forward(self, input_array):
        self.input_array = input_array
        self.padded_input_array = padding(input_array, self.zero_padding)
        for f in range(self.filter_number):
            one = self.filters[f]
            conv(self.padded_input_array, one.get_weights(), self.output_array[f], self.stride, one.get_bias())
        element_wise_op(self.output_array, self.activator.forward)

    def backward(self, input_array, sensitivity_array, activator):
        self.forward(input_array)
        self.bp_sensitivity_map(sensitivity_array, activator)
        self.bp_gradient(sensitivity_array)

    def bp_sensitivity_map(self, sensitivity_array, activator):
        expanded = self.expand_sensitivity_map(sensitivity_array)
        framed = padding(expanded, self.filter_width - 1 - self.zero_padding)
        self.delta_array = self.create_delta_array()
        for f in range(self.filter_number):
            turned = np.array([np.rot90(kernel, 2) for kernel in self.filters[f].get_weights()])
            delta_array = self.create_delta_array()
            for d in range(len(delta_array)):
                conv(framed[f], turned[d], delta_array[d], 1, 0)
            self.delta_array += delta_array
        derivative = np.array(self.input_array)
        element_wise_op(derivative, activator.backward)
        self.delta_array *= derivative

    def bp_gradient(self, sensitivity_array):
        expanded = self.expand_sensitivity_map(sensitivity_array)
        for f in range(self.filter_number):
            one = self.filters[f]
            for d in range(len(one.weights)):
                conv(self.padded_input_array[d], expanded[f], one.weights_grad[d], 1, 0)
            one.bias_grad = expanded[f].sum()

    def expand_sensitivity_map(self, sensitivity_array):
        height = self.input_height - self.filter_height + 2 * self.zero_padding + 1
        width = self.input_width - self.filter_width + 2 * self.zero_padding + 1
        expanded = np.zeros((len(sensitivity_array), height, width))
        for i, j in np.ndindex(self.output_height, self.output_width):
            expanded[:, i * self.stride, j * self.stride] = sensitivity_array[:, i, j]
        return expanded

    def create_delta_array(self):
        return np.zeros((self.channel_number, self.input_height, self.input_width))

    def update(self):
        for one in self.filters:
            one.update(self.learning_rate)


class MaxPoolingLayer:
    def __init__(self, input_width, input_height, channel_number, filter_width, filter_height, stride):
        self.channel_number, self.stride = channel_number, stride
        self.filter_width, self.filter_height = filter_width, filter_height
        self.output_width = (input_width - filter_width) // stride + 1
        self.output_height = (input_height - filter_height) // stride + 1
        self.output_array = np.zeros((channel_number, self.output_height, self.output_width))

    def _patch(self, array, i, j):
        return get_patch(array, i, j, self.filter_width, self.filter_height, self.stride)

    def forward(self, input_array):
        for d, i, j in np.ndindex(self.output_array.shape):
            self.output_array[d, i, j] = self._patch(input_array[d], i, j).max()

    def backward(self, input_array, sensitivity_array):
        self.delta_array = np.zeros(input_array.shape)
        for d, i, j in np.ndindex(sensitivity_array.shape):
            k, m = get_max_index(self._patch(input_array[d], i, j))
            self.delta_array[d, i * self.stride + k, j * self.stride + m] += sensitivity_array[d, i, j]
