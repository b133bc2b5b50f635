"""Windows of a text to train a language model on."""

from __future__ import annotations

import numpy as np

from .._types import Array, ArrayLike
from .._validation.arrays import as_real
from .._validation.values import as_int

__all__ = ["text_windows"]


def text_windows(ids: ArrayLike, batch_size: int, steps: int) -> tuple[Array, Array]:
    """Cut a text into windows for a stateful network, in ``batch`` streams side by side.

    Parameters
    ----------
    ids : array_like of int, shape (L,)
        The ids of the tokens.
    batch_size, steps : int
        The number of streams, and of tokens in a window.

    Returns
    -------
    x, y : ndarray, shape (W batch_size, steps)
        Row w batch_size + i is window w of stream i; y is the token after each token of x. The rest at the end is
        dropped.

    Raises
    ------
    ValueError
        If the text is too short for one window in each stream.
    """
    ids, batch_size, steps = as_real(ids, "ids"), as_int(batch_size, "batch_size"), as_int(steps, "steps")
    if ids.dtype.kind not in "iu" or ids.ndim != 1:
        raise ValueError(f"ids must be integers of shape (L,); received {ids.dtype} of shape {ids.shape}")
    length = (len(ids) - 1) // batch_size
    windows = length // steps
    if windows < 1:
        raise ValueError(
            f"the text must have at least {batch_size * steps + 1} tokens, a window of {steps} for each of "
            f"{batch_size} streams; it has {len(ids)}"
        )
    used = batch_size * length
    streams = [ids[start : start + used].reshape(batch_size, length)[:, : windows * steps] for start in (0, 1)]
    x, y = (s.reshape(batch_size, windows, steps).swapaxes(0, 1).reshape(-1, steps) for s in streams)
    return np.ascontiguousarray(x), np.ascontiguousarray(y)
