"""The definition of a layer: everything that a class of your own may override."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .._core.graph import Tensor
from .._types import Array, Shape

if TYPE_CHECKING:
    from .base import Layer


class Definition:
    """The methods that define a `Layer`: `operations` always, the others where the defaults here do not fit.

    Attributes
    ----------
    buffer_names : tuple of str
        The names of parameters that no optimizer changes.
    """

    buffer_names: ClassVar[tuple[str, ...]] = ()

    def operations(self, x: Tensor) -> Tensor:
        """Add the layer's operations to the graph of its input, and give its output.

        Parameters
        ----------
        x : Tensor
            ``x.shape`` is the shape of a sample; ``x.then("dense", units=3)`` applies an operation of the core,
            ``x.then(layer)`` another layer.

        Returns
        -------
        Tensor

        Raises
        ------
        ValueError
            If the layer cannot take samples of this shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define operations(x)")

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the parameters, those of the operations, in their order and as the core stores them.

        Parameters
        ----------
        shape : tuple
            The shape of one sample of the input.

        Returns
        -------
        dict of str to tuple of int
            Such as ``{"weight": (inputs, units), "bias": (units,)}``; `params` shows them with their axes reversed.
        """
        return {}

    def initialize(self, rng: np.random.Generator) -> None:
        """Fill `params` and `buffers`, which are zeros; not called for a layer from a file or a copy."""

    def shown(self, stored: Array) -> Array:
        """Return the view of a stored parameter with its conventional axes, here reversed."""
        return stored.T

    @property
    def sublayers(self) -> Sequence[Layer]:
        """The layers that it is made of."""
        return ()
