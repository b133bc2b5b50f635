"""Outputs with their first and second derivatives along directions, for losses that use all three."""

from __future__ import annotations

import numpy as np

from .._types import Array, ArrayLike
from .._validation.arrays import as_array
from .._validation.values import as_flag
from ..layers import Layer
from .jets import Tape
from .propagation import Propagation


class Taylor:
    """The result of `Sequential.taylor`: outputs and their derivatives along directions, with a backward pass.

    Attributes
    ----------
    values : ndarray, shape (N, outputs)
        u(x).
    first, second : ndarray, shape (K, N, outputs)
        d/dt and d2/dt2 of u(x + t direction) at t = 0, for each direction.
    """

    values: Array
    first: Array
    second: Array

    def __init__(self, net: Layer, jets: Propagation, x: Array, directions: Array) -> None:
        self._net, self._count = net, len(directions)
        self._tape = Tape(self._count, second=True)
        parameters, gradients = net.flat
        self._gradients = np.zeros_like(gradients)
        with net.turn.lock:
            self._changes = net.turn.changes
            self._input = self._tape.start(x, directions)
            self._output = jets(self._tape, self._input, parameters, self._gradients)
        self.values, self.first, self.second = self._parts(self._output.values)

    def backward(
        self,
        dvalues: ArrayLike | None = None,
        dfirst: ArrayLike | None = None,
        dsecond: ArrayLike | None = None,
        *,
        accumulate: bool = False,
    ) -> Array:
        """Fill the network's gradients with those of a loss of values and derivatives, for `net.step`.

        Parameters
        ----------
        dvalues : array_like, shape (N, outputs), optional
        dfirst, dsecond : array_like, shape (K, N, outputs), optional
            The gradients of the loss with respect to `values`, `first` and `second`; zeros by default.
        accumulate : bool
            Whether to add to ``net.gradients``, for instance to a loss at the boundary.

        Returns
        -------
        ndarray, shape (N, inputs)
            The gradient with respect to x.

        Raises
        ------
        RuntimeError
            If the network has been trained since then, or been given other parameters.
        """
        accumulate = as_flag(accumulate, "accumulate")
        asked = np.zeros_like(self._output.values)
        given = {"dvalues": dvalues, "dfirst": dfirst, "dsecond": dsecond}
        if all(gradient is None for gradient in given.values()):
            raise ValueError("one of dvalues, dfirst and dsecond must be given; received none")
        for (name, gradient), place in zip(given.items(), self._parts(asked), strict=True):
            if gradient is not None:
                array = as_array(gradient, name, self._net.dtype)
                if array.shape != place.shape:
                    raise ValueError(f"{name} must have shape {place.shape}; received {array.shape}")
                place[...] = array
        return self._go_back(asked, accumulate)

    def _parts(self, jet: Array) -> tuple[Array, Array, Array]:
        return jet[0], jet[1 : 1 + self._count], jet[1 + self._count :]

    def _go_back(self, asked: Array, accumulate: bool) -> Array:
        net, (_, gradients) = self._net, self._net.flat
        with net.turn.lock:
            if self._changes != net.turn.changes:
                raise RuntimeError("backward must come before parameters are trained or set; ask for taylor again")
            self._gradients[...] = 0
            dx: Array = self._tape.go_back(self._output, asked, self._input)[0]
            gradients[...] = self._gradients + gradients if accumulate else self._gradients
        return dx
