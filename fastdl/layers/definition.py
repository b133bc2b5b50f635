"""What defines a layer: all that one of your own may override."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .._core.graph import Tensor
from .._types import Array, Shape

if TYPE_CHECKING:
    from .base import Layer


class Definition:
    """What a `Layer` says of itself: `operations` always, the others where they differ from what stands here.

    Attributes
    ----------
    buffer_names : tuple of str
        Of the parameters those that no optimizer changes.
    """

    buffer_names: ClassVar[tuple[str, ...]] = ()

    def operations(self, x: Tensor) -> Tensor:
        """Add what the layer does to the graph of its input, and give its output.

        Parameters
        ----------
        x : Tensor
            ``x.shape`` is the shape of a sample; ``x.then("dense", units=3)`` goes on with an operation of the core,
            ``x.then(layer)`` with another layer.

        Returns
        -------
        Tensor

        Raises
        ------
        ValueError
            If samples of this shape are none for the layer.
        """
        raise NotImplementedError(f"{type(self).__name__} must define operations(x)")

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Give the shapes of the parameters as the core stores them, in the order of the operations.

        Parameters
        ----------
        shape : tuple
            Of a sample of the input.

        Returns
        -------
        dict of str to tuple of int
            Such as ``{"weight": (inputs, units), "bias": (units,)}``; `params` shows them with their axes reversed.
        """
        return {}

    def initialize(self, rng: np.random.Generator) -> None:
        """Fill `params`, which are zeros at first; `buffers` too. Those of a file or a copy come without it."""

    def shown(self, stored: Array) -> Array:
        """Turn the view of a stored parameter to its conventional axes: reverse them."""
        return stored.T

    @property
    def sublayers(self) -> Sequence[Layer]:
        """Layers that it is made of."""
        return ()
