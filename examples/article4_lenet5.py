"""Article 4: LeNet-5 from the articles' own layers, one image at a time.

`fastdl.models.lenet5` is the same network as one compiled plan, some hundred times faster; this is for reading.
"""

import time

import numpy as np

from fastdl import datasets
from fastdl.compat.activators import IdentityActivator, ReluActivator, SigmoidActivator
from fastdl.compat.cnn import ConvLayer, MaxPoolingLayer
from fastdl.compat.fc import FullConnectedLayer

RATE = 0.05
relu = ReluActivator()


class LeNet5:
    """Two convolutions, each with its pooling, and three fully connected layers."""

    def __init__(self):
        self.conv1 = ConvLayer(28, 28, 1, 5, 5, 6, 2, 1, relu, RATE)
        self.pool1 = MaxPoolingLayer(28, 28, 6, 2, 2, 2)
        self.conv2 = ConvLayer(14, 14, 6, 5, 5, 16, 0, 1, relu, RATE)
        self.pool2 = MaxPoolingLayer(10, 10, 16, 2, 2, 2)
        self.full = [
            FullConnectedLayer(400, 120, relu),
            FullConnectedLayer(120, 84, relu),
            FullConnectedLayer(84, 10, SigmoidActivator()),
        ]
        # The articles' layers start at 1e-4 and less, too little for what lies under so many layers.
        for conv in (self.conv1, self.conv2):
            for one in conv.filters:
                one.weights = np.random.normal(
                    0, np.sqrt(2 / one.weights[0].size / len(one.weights)), one.weights.shape
                )

    def predict(self, image):
        """Give ten numbers (10, 1) for an image (1, 28, 28)."""
        self.conv1.forward(image)
        self.pool1.forward(self.conv1.output_array)
        self.conv2.forward(self.pool1.output_array)
        self.pool2.forward(self.conv2.output_array)
        column = self.pool2.output_array.reshape(400, 1)
        for layer in self.full:
            layer.forward(column)
            column = layer.output
        return column

    def train_one_sample(self, label, image):
        """Go forward, back, and down the gradient."""
        output = self.predict(image)
        # Deltas of fully connected layers point down the error. A layer's own `delta` takes its activator to be that of
        # the layer before too; here that is always ReLU ...
        delta = output * (1 - output) * (label - output)
        for layer in reversed(self.full):
            layer.backward(delta)
            delta = layer.W.T @ delta * relu.backward(layer.input)
        # ... and sensitivity maps point up.
        self.pool2.backward(self.conv2.output_array, -delta.reshape(16, 5, 5))
        self.conv2.backward(self.pool1.output_array, self.pool2.delta_array, relu)
        self.pool1.backward(self.conv1.output_array, self.conv2.delta_array)
        self.conv1.backward(image, self.pool1.delta_array, IdentityActivator())
        for layer in self.full:
            layer.update(RATE)
        self.conv1.update()
        self.conv2.update()


def main(train=6000, test=1000):
    """Train on some digits, test on others."""
    np.random.seed(0)
    (x_train, y_train), (x_test, y_test) = datasets.mnist("float64")
    labels = np.where(np.arange(10) == y_train[:, None], 0.9, 0.1)[..., None]
    net = LeNet5()
    start = time.perf_counter()
    for i in range(train):
        net.train_one_sample(labels[i], x_train[i])
        if (i + 1) % 2000 == 0:
            right = sum(np.argmax(net.predict(x)) == y for x, y in zip(x_test[:test], y_test[:test], strict=True))
            print(
                f"{i + 1} samples, {time.perf_counter() - start:.1f} s: {right / test:.1%} of {test} test digits right"
            )


if __name__ == "__main__":
    main()
