"""Products with a matrix in the core, on its threads, with the same results for any number of them."""

from __future__ import annotations

from functools import cached_property

from .. import _core
from .._core.graph import Graph
from .._threads import get_num_threads
from .._turn import Turn
from .._types import Array


class Product:
    """The product of rows with a matrix, and its gradients.

    Parameters
    ----------
    inputs, units : int
    dtype : {"float32", "float64"}
    turn : Turn
        The lock of the network that has the matrix.
    """

    def __init__(self, inputs: int, units: int, dtype: str, turn: Turn) -> None:
        self._form = units, inputs, dtype, turn
        core, graph = _core.load(dtype), Graph((inputs,))
        graph.finish(graph.input.then("dense", units=units))
        flat = core.aligned_zeros(graph.size), core.aligned_zeros(graph.size)  # the bias remains 0
        self._weight, self._gradient = (array[: inputs * units].reshape(inputs, units) for array in flat)
        # Each keeps its memory from call to call.
        self._there, self._back = (core.Plan(graph, *flat, turn) for _ in range(2))

    @cached_property
    def transposed(self) -> Product:
        """The product with the transposed matrix."""
        return Product(*self._form)

    def forward(self, x: Array, weight: Array) -> Array:
        """Return x (..., F) times a matrix (F, U)."""
        self._weight[...] = weight
        y: Array = self._there.predict(x.ravel(), x.size // len(weight), get_num_threads())
        return y.reshape(*x.shape[:-1], -1)

    def backward(self, x: Array, dy: Array, weight: Array) -> tuple[Array, Array]:
        """Return the gradients of x and of the matrix from that of the product (..., U)."""
        self._weight[...] = weight
        rows = x.size // len(weight)
        dx: Array = self._back.gradients_at(x.ravel(), dy.ravel(), rows, get_num_threads())
        return dx.reshape(x.shape), self._gradient
