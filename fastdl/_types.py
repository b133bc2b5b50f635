"""Names of types that many modules use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Array = NDArray[Any]
else:  # whose import takes time, and nobody asks for at run time
    Array, ArrayLike, DTypeLike = np.ndarray, Any, Any

__all__ = ["Array", "ArrayLike", "DTypeLike", "Mask", "Shape", "ShapeLike"]

Shape = tuple[Any, ...]  # of one sample; None where the first axis, time, is of any length
Mask = Any  # which rows count: bool, with the axes of the rows, or ... for all of them
ShapeLike = int | Sequence[int | None]  # what a user gives for one
