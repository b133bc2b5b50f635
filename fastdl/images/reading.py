"""Image files as inputs of networks; needs Pillow, which the extra ``cli`` installs."""

from __future__ import annotations

import os
import warnings
from typing import IO, Any

import numpy as np

from .._extras import missing
from .._files import as_path, open_file
from .._types import Array
from .._validation.shapes import as_shape

_FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}  # by what their files begin with
_FORMATS |= {b"P%d" % i: "PPM" for i in range(1, 7)}
_HEADER, _PNG_DEPTH = 25, 24  # the bytes of a PNG's header up to its bit depth, and the place of that
_MOST_PIXELS = 50_000_000  # as of phones; Pillow needs up to 13 bytes for each
_LONGEST_SIDE = 65_535  # JPEG's own limit; scaling takes memory for each pixel of a side
_ORIENTATION = 0x0112  # the EXIF tag, and the transposition for each of its values
_TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
_STEPS = {2: 85, 4: 17}  # between levels of so many bits, once Pillow has converted them to 8
_OF_CHANNELS = {1: "L", 3: "RGB"}


def read_image(path: str | os.PathLike[str], shape: tuple[int, ...], *, invert: bool = False) -> Array:
    """Read an image: upright, scaled to a network's size, in grey or in colour as the network needs it.

    Parameters
    ----------
    path : path-like
        PNG, JPEG or PGM (PBM and PPM too), of at most 50 million pixels and 65,535 a side.
    shape : tuple of int
        (1, H, W) or (3, H, W), red, green and blue.
    invert : bool
        Whether to invert dark on light to light on dark, as MNIST's images are. Transparent pixels become background:
        black, or with ``invert`` white before the inversion.

    Returns
    -------
    ndarray
        float32, of that shape, in [0, 1].

    Raises
    ------
    ImportError
        Without Pillow.
    ValueError
        If the file is not such an image, or not complete.

    Notes
    -----
    EXIF's orientation is applied, colour profiles are not. Of a file with several pictures the first is read.
    """
    shape = as_shape(shape, "shape")
    if len(shape) != 3 or shape[0] not in _OF_CHANNELS:
        raise ValueError(f"shape must be (1, H, W) or (3, H, W); received {shape}")
    try:
        from PIL import UnidentifiedImageError
    except ImportError:
        raise missing("reading images", "Pillow", "cli") from None
    name = as_path(path)
    try:
        with open_file(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata
            image = _read(file, _OF_CHANNELS[shape[0]], shape[:0:-1], "white" if invert else "black")
    except UnidentifiedImageError:
        raise ValueError(f"{name} must be a PNG, JPEG or PGM image; its header is damaged") from None
    except Exception as error:  # on a damaged file Pillow's readers may raise anything
        reason = str(error) or type(error).__name__
        raise ValueError(f"{name} must be a PNG, JPEG or PGM image; {reason}") from error
    pixels = np.asarray(image, np.float32).reshape(*shape[1:], shape[0]).transpose(2, 0, 1) / 255
    return np.ascontiguousarray(1 - pixels if invert else pixels)


def _read(file: IO[bytes], mode: str, size: tuple[int, ...], ground: str) -> Any:
    """Return the picture in a file, in a mode and size (W, H)."""
    from PIL import Image

    header = file.read(_HEADER)
    file.seek(0)
    format_ = next((name for start, name in _FORMATS.items() if header.startswith(start)), None)
    if format_ is None:
        raise ValueError(f"it begins with {header[:8]!r}" if header else "it is empty")
    image: Any = Image.open(file, formats=[format_])
    if max(image.size) > _LONGEST_SIDE or image.width * image.height > _MOST_PIXELS:
        raise ValueError(
            f"it must have at most {_MOST_PIXELS:,} pixels and {_LONGEST_SIDE:,} a side; "
            f"it has {image.width:,} x {image.height:,}"
        )
    image.load()
    if image.mode == "P" and image.getextrema()[1] >= len(image.getpalette() or ()) // 3:
        raise ValueError("it has pixels of colours that are not in its palette")
    orientation = image.getexif().get(_ORIENTATION)
    image = _flat(image, header[_PNG_DEPTH] if format_ == "PNG" else 8, mode, ground)
    if orientation in _TURNS:
        image = image.transpose(Image.Transpose[_TURNS[orientation]])
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _flat(image: Any, depth: int, mode: str, ground: str) -> Any:
    """Convert an image to a mode, with a background behind transparent pixels."""
    from PIL import Image, ImageChops

    clear, cover = image.info.pop("transparency", None), None
    wide = image.mode.startswith("I")
    if wide or image.mode in ("1", "L"):
        # Pillow clips 16 bits to 8, and leaves a transparent level as it is in the file.
        levels = np.asarray(image)
        if clear is not None:
            level = bool(clear) if image.mode == "1" else clear * _STEPS.get(depth, 1)
            cover = Image.fromarray(np.where(levels == level, np.uint8(255), np.uint8(0)))
        if wide:
            image = Image.fromarray((levels >> 8).astype(np.uint8))
    elif clear is not None:
        if image.mode == "RGB" and depth > 8:
            raise ValueError(f"a transparent colour of {depth} bits a channel cannot be told from its neighbours")
        image.info["transparency"] = clear
        image = image.convert("RGBA")
    if "A" in image.getbands():
        cover = ImageChops.invert(image.getchannel("A"))
    image = image.convert(mode)
    if cover is not None:
        image.paste(ground, mask=cover)
    return image
