"""MNIST, which comes with the package: see data/LICENSE-MNIST.txt for its authors and licence."""

from __future__ import annotations

from pathlib import Path

from ..images.idx import Split, idx_folder

DATA = Path(__file__).parent / "data"


def mnist(dtype: str = "float32") -> tuple[Split, Split]:
    """Return the handwritten digits of LeCun, Cortes and Burges.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of the images.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        60,000 and 10,000 images (N, 1, 28, 28) in [0, 1], and int64 labels (N,) from 0 to 9.
    """
    return idx_folder(DATA, dtype)
