"""Taylor propagation: vectors together with their derivatives along directions, forward and backward.

A jet has a batch of vectors u, its derivatives u_k along K directions and, if needed, the second ones u_kk. The jet of
a function's result follows from the chain rule:

    f(u)      f(u)_k = f' u_k              f(u)_kk = f' u_kk + f'' u_k^2
    u v       (u v)_k = u_k v + u v_k      (u v)_kk = u_kk v + 2 u_k v_k + u v_kk
    linear    of each by itself

A jet is one array, so that a dense layer is one product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._types import Array
from .products import Product


class Derivatives(NamedTuple):
    """A function of each number, and its derivatives; None for those that do not exist everywhere."""

    value: Array
    first: Array
    second: Any
    third: Any


class Jet:
    """A batch of vectors with their derivatives.

    Attributes
    ----------
    values : ndarray, shape (1 + K, N, F) or (1 + 2 K, N, F)
        F may be 1, for a number that is broadcast to all features.
    gradient : ndarray or None
        The gradient of a loss with respect to all values, in the backward pass.
    """

    __slots__ = ("gradient", "values")

    def __init__(self, values: Array) -> None:
        self.values: Array = values
        self.gradient: Array | None = None

    def add(self, gradient: Array) -> None:
        """Add the gradient from another reader."""
        if gradient.shape[-1] != self.values.shape[-1]:  # broadcast to all features
            gradient = gradient.sum(axis=-1, keepdims=True)
        self.gradient = gradient if self.gradient is None else self.gradient + gradient


Back = Callable[[Array], None]  # adds to the gradients of its inputs
Bend = Callable[[Array], "Array | None"]  # gives its share of the Hessians of several outputs


class Tape:
    """Functions of jets, recorded for the backward pass.

    Parameters
    ----------
    directions : int
        K.
    second : bool
        Whether jets have second derivatives along each direction.
    """

    def __init__(self, directions: int, second: bool) -> None:
        self._first = slice(1, 1 + directions)
        self._second = slice(1 + directions, None) if second else None
        self._written: list[tuple[Jet, Back, Bend]] = []

    def start(self, x: Array, directions: Array) -> Jet:
        """Return the jets of samples (N, F) along directions (K, F), or each sample's own (K, N, F)."""
        rows = 1 + (1 if self._second is None else 2) * len(directions)
        values = np.zeros((rows, *x.shape), x.dtype)
        values[0] = x
        values[self._first] = directions if directions.ndim == 3 else directions[:, None]
        return self._write(values, lambda _: None)

    def go_back(self, output: Jet, gradient: Array, to: Jet) -> Array:
        """Propagate a gradient back from the output, and give that of one of the jets."""
        for jet, *_ in self._written:
            jet.gradient = None
        output.gradient = gradient
        for jet, back, _ in reversed(self._written):
            if jet.gradient is not None:
                back(jet.gradient)
        return np.zeros_like(to.values) if to.gradient is None else to.gradient

    def hessians(self, output: Jet) -> Array:
        """Compute the second derivatives (N, O, K, K) of every output along each pair of directions.

        Only nonlinear functions contribute, each times its gradient with respect to the output::

            sum over all f(u):   dy/df f'' u_i u_j
            sum over all u v:    dy/d(uv) (u_i v_j + u_j v_i)
        """
        _, samples, outputs = output.values.shape
        total = np.zeros((samples, outputs, *(self._first.stop - 1,) * 2), output.values.dtype)
        for jet, *_ in self._written:
            jet.gradient = None
        output.gradient = np.repeat(np.eye(outputs, dtype=total.dtype)[:, None], samples, axis=1)
        for jet, _, bend in reversed(self._written):
            if jet.gradient is not None and (gained := bend(jet.gradient)) is not None:
                total += gained
        return (total + total.swapaxes(2, 3)) / 2

    def _write(self, values: Array, back: Back, bend: Bend | None = None) -> Jet:
        jet = Jet(values)
        self._written.append((jet, back, bend or back))
        return jet

    def affine(self, x: Jet, product: Product, weight: Array, bias: Array, dweight: Array, dbias: Array) -> Jet:
        """Return x times a matrix (F, U) plus a bias; the backward pass adds to the gradients of both."""
        values = product.forward(x.values, weight)
        values[0] += bias

        def back(gradient: Array) -> None:
            dx, dw = product.backward(x.values, gradient, weight)
            dweight[...] += dw
            dbias[...] += gradient[0].sum(axis=0)
            x.add(dx)

        return self._write(values, back, lambda gradient: x.add(product.transposed.forward(gradient, weight.T)))

    def scaled(self, x: Jet, weight: Array | float, bias: Array | float) -> Jet:
        """Return x times a constant plus a constant."""
        values = x.values * weight
        values[0] += bias
        return self._write(values, lambda gradient: x.add(gradient * weight))

    def weighed(self, x: Jet, weight: Array, bias: Array, dweight: Array, dbias: Array) -> Jet:
        """Return x times a weight for each feature plus a bias; the backward pass adds to the gradients of both."""
        values = x.values * weight
        values[0] += bias

        def back(gradient: Array) -> None:
            dweight[...] += (gradient * x.values).sum(axis=(0, 1))
            dbias[...] += gradient[0].sum(axis=0)
            x.add(gradient * weight)

        return self._write(values, back, lambda gradient: x.add(gradient * weight))

    def total(self, x: Jet) -> Jet:
        """Return the sum of the features."""
        features = x.values.shape[-1]
        return self._write(
            x.values.sum(axis=-1, keepdims=True), lambda gradient: x.add(np.repeat(gradient, features, axis=-1))
        )

    def selected(self, x: Jet, indices: Array) -> Jet:
        """Return some of the features; one may occur several times."""
        features = x.values.shape[-1]

        def back(gradient: Array) -> None:
            asked = np.zeros((*gradient.shape[:-1], features), gradient.dtype)
            for place, index in enumerate(indices):
                asked[..., index] += gradient[..., place]
            x.add(asked)

        return self._write(np.take(x.values, indices, axis=-1), back)  # an index would give another memory layout

    def concatenated(self, jets: Sequence[Jet]) -> Jet:
        """Return features side by side."""

        def back(gradient: Array) -> None:
            ends = np.cumsum([jet.values.shape[-1] for jet in jets])[:-1]
            for jet, asked in zip(jets, np.split(gradient, ends, axis=-1), strict=True):
                jet.add(asked)

        return self._write(np.concatenate([jet.values for jet in jets], axis=-1), back)

    def added(self, jets: Sequence[Jet]) -> Jet:
        """Return the sum of jets."""
        total = jets[0].values
        for jet in jets[1:]:
            total = total + jet.values

        def back(gradient: Array) -> None:
            for jet in jets:
                jet.add(gradient)

        return self._write(total, back)

    def elementwise(self, x: Jet, function: Callable[[Array], Derivatives]) -> Jet:
        """Apply a function to each number."""
        first, second = self._first, self._second
        u, f = x.values, function(x.values[0])
        values = u * f.first
        values[0] = f.value
        if second is not None:
            values[second] += f.second * np.square(u[first])

        def back(gradient: Array) -> None:
            asked = gradient * f.first
            bent = gradient[second] * u[first]
            asked[0] += f.second * (gradient[1:] * u[1:]).sum(axis=0) + f.third * (bent * u[first]).sum(axis=0)
            asked[first] += 2 * f.second * bent
            x.add(asked)

        def bend(gradient: Array) -> Array:
            x.add(gradient * f.first)
            return _curvature(gradient * f.second, u[first], u[first])

        return self._write(values, back, bend)

    def multiplied(self, x: Jet, y: Jet) -> Jet:
        """Return the product of two jets, number by number."""
        u, v, first, second = x.values, y.values, self._first, self._second
        values = u * v[0] + u[0] * v
        values[0] = u[0] * v[0]
        if second is not None:
            values[second] += 2 * u[first] * v[first]

        def back(gradient: Array) -> None:
            for jet, other in ((x, v), (y, u)):
                asked = gradient * other[0]
                asked[0] = (gradient * other).sum(axis=0)
                asked[first] += 2 * gradient[second] * other[first]
                jet.add(asked)

        def bend(gradient: Array) -> Array:
            x.add(gradient * v[0])
            y.add(gradient * u[0])
            gained = _curvature(gradient, u[first], np.broadcast_to(v[first], (*v[first].shape[:2], u.shape[-1])))
            return gained + gained.swapaxes(2, 3)

        return self._write(values, back, bend)


def _curvature(a: Array, u: Array, v: Array) -> Array:
    """Return the sum over features of a u_i v_j, (N, O, K, K), for a (O, N, F) and u and v (K, N, F)."""
    outputs, samples, features = a.shape
    u = a.transpose(1, 0, 2)[:, :, None] * u.transpose(1, 0, 2)[:, None]
    products = u.reshape(samples, -1, features) @ v.transpose(1, 2, 0)
    return products.reshape(samples, outputs, -1, v.shape[0])
