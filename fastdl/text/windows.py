"""Windows of a text to train a language model on."""

from __future__ import annotations

import numpy as np

from .._types import Array, ArrayLike
from .._validation.arrays import as_real
from .._validation.values import as_int

__all__ = ["text_windows"]


def text_windows(ids: ArrayLike, batch: int, steps: int) -> tuple[Array, Array]:
    """Cut a text into windows for a stateful network, in ``batch`` streams side by side.

    Parameters
    ----------
    ids : array_like of int, shape (L,)
        The ids of the tokens.
    batch, steps : int
        The number of streams, and of tokens in a window.

    Returns
    -------
    x, y : ndarray, shape (W batch, steps)
        Row w batch + i is window w of stream i; y is the token after each token of x. The rest at the end is dropped.

    Raises
    ------
    ValueError
        If the text is too short for one window in each stream.
    """
    ids, batch, steps = as_real(ids, "ids"), as_int(batch, "batch"), as_int(steps, "steps")
    if ids.dtype.kind not in "iu" or ids.ndim != 1:
        raise ValueError(f"ids must be integers of shape (L,); received {ids.dtype} of shape {ids.shape}")
    length = (len(ids) - 1) // batch
    windows = length // steps
    if windows < 1:
        raise ValueError(
            f"the text must have at least {batch * steps + 1} tokens, a window of {steps} for each of {batch} streams; "
            f"it has {len(ids)}"
        )
    streams = [ids[start : start + batch * length].reshape(batch, length)[:, : windows * steps] for start in (0, 1)]
    x, y = (s.reshape(batch, windows, steps).swapaxes(0, 1).reshape(-1, steps) for s in streams)
    return np.ascontiguousarray(x), np.ascontiguousarray(y)
