"""Image files as networks of grey images take them; needs Pillow, which ``fastdl[cli]`` brings."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ._validation import Array


def read_image(path: str | os.PathLike[str], size: tuple[int, ...], invert: bool = False) -> Array:
    """Read an image, grey and scaled to a network's size.

    Parameters
    ----------
    path : path-like
        PNG, JPEG or PGM.
    size : tuple of int
        (H, W).
    invert : bool
        Whether to turn dark on light into MNIST's light on dark. What is transparent counts as ground either way.

    Returns
    -------
    ndarray
        float32 (1, H, W) in [0, 1].

    Raises
    ------
    ImportError
        Without Pillow.
    ValueError
        If the file is no such image, whole.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError('reading images needs Pillow: pip install "fastdl[cli]"') from None
    try:
        with Image.open(path) as image:
            grey = _grey(image, "white" if invert else "black")
            if grey.size != (size[1], size[0]):
                grey = grey.resize((size[1], size[0]), Image.Resampling.LANCZOS)
            pixels = np.asarray(grey, np.float32)[None] / 255
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{os.fspath(path)} must be a PNG, JPEG or PGM image; {error}") from error
    return 1 - pixels if invert else pixels


def _grey(image: Any, ground: str) -> Any:
    # convert("L") alone clips 16 bits a pixel to 8, and takes what is transparent as opaque.
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, ground), image)
    return image.convert("L")
