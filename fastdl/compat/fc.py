"""Article 3, vectorised: fully connected layers as arrays, on columns (n, 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._validation import Array, as_int, as_number
from ..layers import Dense
from ._checks import as_column
from ._live import Live, uniform
from ._online import SigmoidChain
from .activators import SigmoidActivator, apply, check_activator, through

__all__ = ["FullConnectedLayer", "Network", "SigmoidActivator"]


class FullConnectedLayer:
    """output = f(W x + b).

    Parameters
    ----------
    input_size, output_size : int
    activator : object
        With ``forward`` and ``backward``, see `fastdl.compat.activators`.

    Attributes
    ----------
    W, W_grad : ndarray, shape (output_size, input_size)
    b, b_grad : ndarray, shape (output_size, 1)
        Live.
    output : ndarray, shape (output_size, 1)
    delta : ndarray, shape (input_size, 1)
        What `backward` hands to the layer before. As in article 3, deltas and gradients point down the error.
    """

    W, b, W_grad, b_grad = Live(), Live(), Live(), Live()

    def __init__(self, input_size: int, output_size: int, activator: Any) -> None:
        layer = Dense(as_int(output_size, "output_size"))
        layer.build((as_int(input_size, "input_size"),), dtype="float64")
        self._bind(layer, activator)

    def _bind(self, layer: Dense, activator: Any) -> FullConnectedLayer:
        self._layer, self.activator = layer, check_activator(activator)
        (self.input_size,), (self.output_size,) = layer.input_shape, layer.output_shape
        self._views = {
            "W": layer.params["weight"],
            "b": layer.params["bias"][:, None],
            "W_grad": layer.grads["weight"],
            "b_grad": layer.grads["bias"][:, None],
        }
        self.W = uniform(0.1, (self.output_size, self.input_size))
        self.b = np.zeros((self.output_size, 1))
        self.input: Array | None = None
        self.output = np.zeros((self.output_size, 1))
        self.delta = np.zeros((self.input_size, 1))
        return self

    def forward(self, input_array: Any) -> None:
        """Compute ``output`` (article 3, equation 2).

        Parameters
        ----------
        input_array : array_like, shape (input_size, 1)
        """
        self.input = as_column(input_array, "input_array", self.input_size)
        self.output = apply(self.activator.forward, self._layer.forward(self.input.T).T)

    def backward(self, delta_array: Any) -> None:
        """Compute ``delta``, ``W_grad`` and ``b_grad`` (article 3, equation 8).

        Parameters
        ----------
        delta_array : array_like, shape (output_size, 1)
            The error term of this layer's weighted input. ``delta`` is that of the layer before, if that has the same
            activator.
        """
        delta = as_column(delta_array, "delta_array", self.output_size)
        if self.input is None:
            raise RuntimeError("backward must follow forward")
        self.delta = through(self.activator, self._layer.backward(delta.T).T, self.input)

    def update(self, learning_rate: float) -> None:
        """Go along the gradient, which points down the error."""
        rate = as_number(learning_rate, "learning_rate")
        self.W += rate * self.W_grad
        self.b += rate * self.b_grad

    def dump(self) -> None:
        """Print the parameters."""
        print(f"W: {self.W}\nb:{self.b}")


class Network:
    """Fully connected sigmoid layers, trained on one sample at a time at the speed of the core.

    Parameters
    ----------
    layers : sequence of int
        Nodes of each layer, the inputs first.

    Attributes
    ----------
    layers : list of FullConnectedLayer
        Live: assigning to ``W`` or ``b`` changes the network.
    """

    def __init__(self, layers: Sequence[int]) -> None:
        self._chain = SigmoidChain(layers)
        self.layers = [
            FullConnectedLayer.__new__(FullConnectedLayer)._bind(linear, SigmoidActivator())
            for linear in self._chain.linear
        ]

    def predict(self, sample: Any) -> Array:
        """Give the output (n, 1) for a sample (m, 1)."""
        output: Any = sample
        for layer in self.layers:
            layer.forward(output)
            output = layer.output
        return output  # type: ignore[no-any-return]

    def train(self, labels: Any, data_set: Any, rate: float, epoch: int) -> None:
        """Go through all samples in order, ``epoch`` times, and learn from each.

        Parameters
        ----------
        labels : array_like, shape (N, outputs, 1)
        data_set : array_like, shape (N, inputs, 1)
        rate : float
        epoch : int
        """
        epoch = as_int(epoch, "epoch", least=0)
        if all(type(layer.activator) is SigmoidActivator for layer in self.layers):
            self._chain.train(
                labels, data_set, rate, epoch,
                lambda label, sample, rate: self.train_one_sample(label[:, None], sample[:, None], rate),
            )  # fmt: skip
            return
        for _ in range(epoch):
            for label, sample in zip(labels, data_set, strict=True):
                self.train_one_sample(label, sample, rate)

    def train_one_sample(self, label: Any, sample: Any, rate: float) -> None:
        """Predict, compute the gradient, and follow it."""
        label = self._label(label)
        self.predict(sample)
        self.calc_gradient(label)
        self.update_weight(rate)

    def calc_gradient(self, label: Any) -> Array:
        """Take the error of the last prediction back through all layers; give the first one's ``delta``."""
        last = self.layers[-1]
        delta = through(last.activator, self._label(label) - last.output, last.output)
        for layer in reversed(self.layers):
            layer.backward(delta)
            delta = layer.delta
        return delta

    def update_weight(self, rate: float) -> None:
        """Let every layer follow its gradient."""
        for layer in self.layers:
            layer.update(rate)

    def dump(self) -> None:
        """Print all parameters."""
        for layer in self.layers:
            layer.dump()

    def loss(self, output: Any, label: Any) -> float:
        """Give half the sum of squared differences of two columns."""
        return float(0.5 * np.sum(np.square(self._label(label) - self._label(output))))

    def gradient_check(self, sample_feature: Any, sample_label: Any) -> float:
        """Compare every weight's and bias's gradient with central differences.

        Parameters
        ----------
        sample_feature : array_like, shape (inputs, 1)
        sample_label : array_like, shape (outputs, 1)

        Returns
        -------
        float
            The largest difference, relative to the largest gradient.
        """
        self.predict(sample_feature)
        self.calc_gradient(sample_label)
        epsilon, worst, scale = 1e-5, 0.0, 0.0
        for values, slopes in zip(self._chain.weights, self._chain.gradients, strict=True):
            for i in np.ndindex(values.shape):
                kept, errors = values[i], []
                for shift in (-epsilon, epsilon):
                    values[i] = kept + shift
                    errors.append(self.loss(self.predict(sample_feature), sample_label))
                values[i] = kept
                worst = max(worst, float(abs((errors[0] - errors[1]) / (2 * epsilon) - slopes[i])))
                scale = max(scale, float(abs(slopes[i])))
        self.predict(sample_feature)
        return worst / scale if scale else worst

    def _label(self, label: Any) -> Array:
        return as_column(label, "label", self.layers[-1].output_size)
