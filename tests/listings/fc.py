# ruff: noqa: NPY002
import itertools

import numpy as np

from listings.activators import SigmoidActivator


class FullConnectedLayer:
    def __init__(self, input_size, output_size, activator):
        self.input_size, self.output_size, self.activator = input_size, output_size, activator
        self.W = np.random.uniform(-0.1, 0.1, (output_size, input_size))
        self.b = np.zeros((output_size, 1))
        self.output = np.zeros((output_size, 1))

    def forward(self, input_array):
        self.input = input_array
        self.output = self.activator.forward(self.W @ input_array + self.b)

    def backward(self, delta_array):
        self.delta = self.activator.backward(self.input) * (self.W.T @ delta_array)
        self.W_grad = delta_array @ self.input.T
        self.b_grad = delta_array

    def update(self, learning_rate):
        self.W += learning_rate * self.W_grad
        self.b += learning_rate * self.b_grad

    def dump(self):
        print(self.W, self.b)


class Network:
    def __init__(self, layers):
        self.layers = [FullConnectedLayer(n, m, SigmoidActivator()) for n, m in itertools.pairwise(layers)]

    def predict(self, sample):
        output = sample
        for layer in self.layers:
            layer.forward(output)
            output = layer.output
        return output

    def train(self, labels, data_set, rate, epoch):
        for _ in range(epoch):
            for label, sample in zip(labels, data_set, strict=True):
                self.train_one_sample(label, sample, rate)

    def train_one_sample(self, label, sample, rate):
        self.predict(sample)
        self.calc_gradient(label)
        self.update_weight(rate)

    def calc_gradient(self, label):
        last = self.layers[-1]
        delta = last.activator.backward(last.output) * (label - last.output)
        for layer in self.layers[::-1]:
            layer.backward(delta)
            delta = layer.delta
        return delta

    def update_weight(self, rate):
        for layer in self.layers:
            layer.update(rate)

    def dump(self):
        for layer in self.layers:
            layer.dump()

    def loss(self, output, label):
        return 0.5 * ((label - output) ** 2).sum()
