"""Taylor propagation: vectors together with their derivatives along directions, and the way back.

A jet holds a batch of vectors u, its derivatives u_k along K directions, and P second derivatives u_ij, each along a
pair of these. What a function makes of it follows from the chain rule:

    f(u)      f(u)_k = f' u_k                   f(u)_ij = f' u_ij + f'' u_i u_j
    u v       (u v)_k = u_k v + u v_k           (u v)_ij = u_ij v + u_i v_j + u_j v_i + u v_ij
    linear    of each by itself

All of it is one array, so that a dense layer is one product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._types import Array
from .products import Product


class Derivatives(NamedTuple):
    """A function of each number, and its derivatives there; None of those that it has not everywhere."""

    value: Array
    first: Array
    second: Any
    third: Any


class Jet:
    """A batch of vectors with their derivatives.

    Attributes
    ----------
    values : ndarray, shape (1 + K + P, N, F)
        F may be 1 where one number goes with all features.
    gradient : ndarray or None
        Of a loss with respect to all of them, on the way back.
    """

    __slots__ = ("gradient", "values")

    def __init__(self, values: Array) -> None:
        self.values = values
        self.gradient: Array | None = None

    def add(self, gradient: Array) -> None:
        """Add to the gradient what another reader asks for."""
        if gradient.shape[-1] != self.values.shape[-1]:  # it went with all features
            gradient = gradient.sum(axis=-1, keepdims=True)
        self.gradient = gradient if self.gradient is None else self.gradient + gradient


class Tape:
    """Functions of jets, and what they were, to go back through them.

    Parameters
    ----------
    directions : int
        K.
    pairs : (ndarray, ndarray), optional
        Of each second derivative the directions, (P,) and (P,). Where not given, there is one along each direction
        twice: those can go back.
    """

    def __init__(self, directions: int, pairs: tuple[Array, Array] | None = None) -> None:
        self._first, self._second = slice(1, 1 + directions), slice(1 + directions, None)
        self._i: Any = self._first if pairs is None else 1 + pairs[0]
        self._j: Any = self._first if pairs is None else 1 + pairs[1]
        self._written: list[tuple[Jet, Callable[[Array], None]]] = []

    def start(self, values: Array) -> Jet:
        """Give what others are made of."""
        return self._write(values, lambda _: None)

    def go_back(self, output: Jet, gradient: Array, to: Jet) -> Array:
        """Take a gradient from the output to all that it was made of, and give that of one of these."""
        for jet, _ in self._written:
            jet.gradient = None
        output.gradient = gradient
        for jet, back in reversed(self._written):
            if jet.gradient is not None:
                back(jet.gradient)
        return np.zeros_like(to.values) if to.gradient is None else to.gradient

    def _write(self, values: Array, back: Callable[[Array], None]) -> Jet:
        jet = Jet(values)
        self._written.append((jet, back))
        return jet

    def affine(self, x: Jet, product: Product, weight: Array, bias: Array, dweight: Array, dbias: Array) -> Jet:
        """Give x times a matrix (F, U) plus a bias; on the way back add to the gradients of both."""
        values = product.forward(x.values, weight)
        values[0] += bias

        def back(gradient: Array) -> None:
            dx, dw = product.backward(x.values, gradient, weight)
            dweight[...] += dw
            dbias[...] += gradient[0].sum(axis=0)
            x.add(dx)

        return self._write(values, back)

    def scaled(self, x: Jet, weight: Array | float, bias: Array | float) -> Jet:
        """Give x times what stays as it is, plus what does."""
        values = x.values * weight
        values[0] += bias
        return self._write(values, lambda gradient: x.add(gradient * weight))

    def weighed(self, x: Jet, weight: Array, bias: Array, dweight: Array, dbias: Array) -> Jet:
        """Give x times a weight of each feature plus a bias; on the way back add to the gradients of both."""
        values = x.values * weight
        values[0] += bias

        def back(gradient: Array) -> None:
            dweight[...] += (gradient * x.values).sum(axis=(0, 1))
            dbias[...] += gradient[0].sum(axis=0)
            x.add(gradient * weight)

        return self._write(values, back)

    def total(self, x: Jet) -> Jet:
        """Give the sum of the features."""
        return self._write(
            x.values.sum(axis=-1, keepdims=True), lambda gradient: x.add(np.broadcast_to(gradient, x.values.shape))
        )

    def selected(self, x: Jet, indices: Array) -> Jet:
        """Give some of the features, one perhaps several times."""

        def back(gradient: Array) -> None:
            asked = np.zeros_like(x.values)
            for place, index in enumerate(indices):
                asked[..., index] += gradient[..., place]
            x.add(asked)

        return self._write(x.values[..., indices], back)

    def concatenated(self, jets: Sequence[Jet]) -> Jet:
        """Give features side by side."""

        def back(gradient: Array) -> None:
            ends = np.cumsum([jet.values.shape[-1] for jet in jets])[:-1]
            for jet, asked in zip(jets, np.split(gradient, ends, axis=-1), strict=True):
                jet.add(asked)

        return self._write(np.concatenate([jet.values for jet in jets], axis=-1), back)

    def added(self, jets: Sequence[Jet]) -> Jet:
        """Give the sum of jets."""
        total = jets[0].values
        for jet in jets[1:]:
            total = total + jet.values

        def back(gradient: Array) -> None:
            for jet in jets:
                jet.add(gradient)

        return self._write(total, back)

    def elementwise(self, x: Jet, function: Callable[[Array], Derivatives]) -> Jet:
        """Give a function of each number."""
        first, second = self._first, self._second
        u, f = x.values, function(x.values[0])
        values = u * f.first
        values[0] = f.value
        if len(values[second]):
            values[second] += f.second * u[self._i] * u[self._j]

        def back(gradient: Array) -> None:
            asked = gradient * f.first
            bent = gradient[second] * u[first]
            asked[0] += f.second * (gradient[1:] * u[1:]).sum(axis=0) + f.third * (bent * u[first]).sum(axis=0)
            asked[first] += 2 * f.second * bent
            x.add(asked)

        return self._write(values, back)

    def multiplied(self, x: Jet, y: Jet) -> Jet:
        """Give the product of two jets, number by number."""
        u, v, first, second = x.values, y.values, self._first, self._second
        values = u * v[0] + u[0] * v
        values[0] = u[0] * v[0]
        values[second] += u[self._i] * v[self._j] + u[self._j] * v[self._i]

        def back(gradient: Array) -> None:
            for jet, other in ((x, v), (y, u)):
                asked = gradient * other[0]
                asked[0] = (gradient * other).sum(axis=0)
                asked[first] += 2 * gradient[second] * other[first]
                jet.add(asked)

        return self._write(values, back)


def started(x: Array, directions: Array, pairs: int) -> Array:
    """Give what a jet of samples (N, F) holds, along directions (K, F), or each sample's own (K, N, F)."""
    values = np.zeros((1 + len(directions) + pairs, *x.shape), x.dtype)
    values[0] = x
    values[1 : 1 + len(directions)] = directions if directions.ndim == 3 else directions[:, None]
    return values
