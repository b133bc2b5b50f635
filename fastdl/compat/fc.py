"""Article 3, vectorised: fully connected layers as arrays, on columns (n, 1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .._types import Array
from .._validation.values import as_int, as_number
from . import bp
from ._checks import as_column
from ._descent import descended
from ._draw import uniform
from ._lent import WHEN_ASKED, Lent
from ._memory import held_once
from ._online import SigmoidChain, as_pairs, as_sizes, by_layer, one_by_one
from ._untouched import Steps
from .activators import (
    IdentityActivator,
    SigmoidActivator,
    check_activator,
    is_plain_sigmoid,
    kernel_of,
    sigmoid_as_written,
    whole,
)

__all__ = [
    "FullConnectedLayer",
    "IdentityActivator",
    "Network",
    "Normalizer",
    "SigmoidActivator",
    "train_data_set",
    "transpose",
]


_FEW = 64  # fewer steps are not worth a network of the core's, made for them


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
    input : ndarray, shape (input_size, 1)
    output : ndarray, shape (output_size, 1)
    delta : ndarray, shape (input_size, 1)
        The error term for the layer before, from `backward`. As in article 3, deltas and gradients point towards a
        smaller error.
    """

    lent_to: Lent | None = None

    def __init__(self, input_size: int, output_size: int, activator: Any) -> None:
        self.input_size, self.output_size = as_int(input_size, "input_size"), as_int(output_size, "output_size")
        self.activator = check_activator(activator)
        self.W: Array = np.asfortranarray(uniform(0.1, (output_size, input_size)))
        self.b: Array = np.zeros((output_size, 1))
        self.output: Array = np.zeros((output_size, 1))

    if not TYPE_CHECKING:  # otherwise type checkers would allow any attribute

        def __getattr__(self, name: str) -> Any:
            if name in WHEN_ASKED and self.lent_to is not None:
                self.lent_to.show()
                if name in vars(self):
                    return vars(self)[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        if self.lent_to is not None:
            self.lent_to.show()
        return {name: value for name, value in vars(self).items() if name != "lent_to"}

    def forward(self, input_array: Any) -> None:
        """Compute ``output`` (article 3, equation 2).

        Parameters
        ----------
        input_array : array_like, shape (input_size, 1)
        """
        self.input = as_column(input_array, "input_array", self.W.shape[1])
        self.output = whole(self.activator.forward, np.dot(self.W, self.input) + self.b)

    def backward(self, delta_array: Any) -> None:
        """Compute ``delta``, ``W_grad`` and ``b_grad`` (article 3, equation 8).

        Parameters
        ----------
        delta_array : array_like, shape (output_size, 1)
            The error term of this layer's weighted input. ``delta`` is that of the layer before, if that has the same
            activator.
        """
        delta = as_column(delta_array, "delta_array", self.W.shape[0])
        if getattr(self, "input", None) is None:
            raise RuntimeError("backward must follow forward")
        self.delta = whole(self.activator.backward, self.input) * np.dot(self.W.T, delta)
        self.W_grad = np.dot(self.input, delta.T).T  # in the memory order of W
        self.b_grad = delta

    def update(self, learning_rate: float) -> None:
        """Take a step along the gradient, which points towards a smaller error."""
        self.W = descended(self.W, self.W_grad, -learning_rate)
        self.b = descended(self.b, self.b_grad, -learning_rate)

    def dump(self) -> None:
        """Print the parameters."""
        print(f"W: {self.W}\nb:{self.b}")


_LEARNING = Steps(FullConnectedLayer, "forward", "backward", "update", "__getattr__")


class Network:
    """Fully connected sigmoid layers, trained on one sample at a time.

    Parameters
    ----------
    layers : sequence of int
        The number of nodes of each layer, the inputs first.

    Attributes
    ----------
    layers : list of FullConnectedLayer
        As long as they are unchanged, the network runs at the speed of the core.
    """

    _lent: Lent | None = None

    def __init__(self, layers: Sequence[int]) -> None:
        sizes = as_sizes(layers)
        self.layers = [FullConnectedLayer(n, m, SigmoidActivator()) for n, m in pairwise(sizes)]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lent"}

    def predict(self, sample: Any) -> Array:
        """Return the output (n, 1) for a sample (m, 1)."""
        lent = self._lend()
        if lent is not None:
            return lent.predict(as_column(sample, "input_array", lent.sizes[0]))
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
        lent = self._lend() if _TRAINING.untouched(self) else None
        sizes = self._sizes() if lent is None else lent.sizes
        if sizes is None:
            one_by_one(self.train_one_sample, labels, data_set, rate, epoch)
            return
        rate = as_number(rate, "rate")
        labels, data_set = as_pairs(labels, data_set, sizes[0], sizes[-1])
        labels, data_set = labels[..., None], data_set[..., None]
        if epoch * len(data_set) < _FEW:
            one_by_one(self.train_one_sample, labels, data_set, rate, epoch)
            return
        chain = SigmoidChain(sizes)
        parameters = by_layer(chain.net.parameters, sizes)
        for layer, both in zip(self.layers, parameters, strict=True):
            both[:-1], both[-1] = layer.W.T, layer.b[:, 0]
        try:
            chain.train(labels[..., 0], data_set[..., 0], rate, epoch)
        finally:
            for layer, both in zip(self.layers, parameters, strict=True):
                layer.W[...], layer.b[:, 0] = both[:-1].T, both[-1]
        self.train_one_sample(labels[-1], data_set[-1], rate)

    def _sizes(self) -> Sequence[int] | None:
        """Return the numbers of nodes of the layers, or None if the layers may compute something else."""
        if not (self.layers and _TRAINING.untouched(self)):
            return None
        if not all(
            _LEARNING.untouched(layer)
            and kernel_of(layer.activator) == "sigmoid"
            and all(isinstance(a, np.ndarray) and a.dtype == np.float64 for a in (layer.W, layer.b))
            for layer in self.layers
        ):
            return None
        arrays = [array for layer in self.layers for array in (layer.W, layer.b)]
        sizes = [*self.layers[0].W.shape[1:], *(len(layer.W) for layer in self.layers)]
        shapes = [shape for n, m in pairwise(sizes) for shape in ((m, n), (m, 1))]
        if [array.shape for array in arrays] != shapes or not all(array.flags.writeable for array in arrays):
            return None
        return None if any(np.may_share_memory(a, b) for a, b in combinations(arrays, 2)) else sizes

    def _lend(self) -> Lent | None:
        """Move the layers' parameters into the core's memory; give None if they may compute something else."""
        if not (_LEARNING.as_written() and sigmoid_as_written()):
            return None
        layers, lent = self.layers, self._lent
        if lent is not None:
            if lent.holds(layers, _LEARNING):
                return lent
            lent.give_back()
            self._lent = None
        if all(
            _LEARNING.hides_none(layer)
            and is_plain_sigmoid(layer.activator)
            and held_once(vars(layer), "W")
            and held_once(vars(layer), "b")
            for layer in layers
        ):
            sizes = self._sizes()
            if sizes is not None:
                self._lent = Lent(layers, sizes)
        return self._lent

    def train_one_sample(self, label: Any, sample: Any, rate: float) -> None:
        """Predict, compute the gradient, and take a step along it."""
        if _TRAINING.untouched(self) and type(rate) in (float, int) and (lent := self._lend()) is not None:
            sizes = lent.sizes
            lent.learn(as_column(sample, "input_array", sizes[0]), as_column(label, "label", sizes[-1]), rate)
            return
        self.predict(sample)
        self.calc_gradient(label)
        self.update_weight(rate)

    def calc_gradient(self, label: Any) -> Array:
        """Propagate the error of the last prediction back through all layers; give ``delta`` of the first."""
        last = self.layers[-1]
        error = as_column(label, "label", len(last.output)) - last.output
        delta: Array = whole(last.activator.backward, last.output) * error
        for layer in reversed(self.layers):
            layer.backward(delta)
            delta = layer.delta
        return delta

    def update_weight(self, rate: float) -> None:
        """Take a step along the gradient in every layer."""
        for layer in self.layers:
            layer.update(rate)

    def dump(self) -> None:
        """Print all parameters."""
        for layer in self.layers:
            layer.dump()

    def loss(self, output: Any, label: Any) -> float:
        """Return half the sum of squared differences of two columns."""
        size = np.size(output)
        return float(0.5 * np.sum(np.square(as_column(label, "label", size) - as_column(output, "output", size))))

    def gradient_check(self, sample_feature: Any, sample_label: Any) -> float:
        """Compare the gradient of every weight and bias with central differences, and print both.

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
        for layer in self.layers:
            for name, values, gradients in (("weights", layer.W, layer.W_grad), ("bias", layer.b, layer.b_grad)):
                for i in np.ndindex(values.shape):
                    kept, errors = values[i], []
                    for shift in (-epsilon, epsilon):
                        values[i] = kept + shift
                        errors.append(self.loss(self.predict(sample_feature), sample_label))
                    values[i] = kept
                    expected = (errors[0] - errors[1]) / (2 * epsilon)
                    print(f"{name}{i}: expected - actual {expected:.4e} - {gradients[i]:.4e}")
                    worst = max(worst, float(abs(expected - gradients[i])))
                    scale = max(scale, float(abs(gradients[i])))
        self.predict(sample_feature)
        return worst / scale if scale else worst


_TRAINING = Steps(Network, "train_one_sample", "predict", "calc_gradient", "update_weight")


class Normalizer(bp.Normalizer):
    """Whole numbers from 0 to 255 as columns (8, 1) of their bits, the lowest first: 0.9 for one, 0.1 for zero."""

    def norm(self, number: int) -> Array:  # type: ignore[override]
        """Return the column of a number."""
        return np.array(super().norm(number))[:, None]

    def denorm(self, vec: Any) -> int:
        """Return the number of a column; bits are one above a half."""
        return super().denorm(vec[:, 0])


def transpose(args: Any) -> list[list[Array]]:
    """Turn the vectors of several lists into columns (n, 1)."""
    return [[np.array(line).reshape(len(line), 1) for line in arg] for arg in args]


def train_data_set() -> tuple[list[Array], list[Array]]:
    """Return all numbers from 0 to 255 as columns of bits, each its own label: labels, then samples."""
    normalizer = Normalizer()
    data_set = [normalizer.norm(number) for number in range(256)]
    return list(data_set), data_set
