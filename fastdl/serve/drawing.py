"""Drawn images: light strokes on dark, scaled and centred like MNIST's."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, ClassVar

import numpy as np

from .._types import Array
from ..images.labels import labels_of, probabilities
from ..images.levels import in_range
from ..layers import Conv2D
from ..layers.container import walk
from ..sequential import Sequential

SIDE = 112  # pixels of the drawing's sides
_SHARE = 20 / 28  # of an image's side that MNIST's digits take up
_MAPS = 32  # the most feature maps to show


class Drawing:
    """A network that classifies images, shown with the feature maps of its first convolution."""

    takes: ClassVar[str] = "application/octet-stream"
    most: ClassVar[int] = SIDE * SIDE

    def __init__(self, net: Sequential, name: str = "net") -> None:
        self.net, self.labels = net, labels_of(net, name)
        self.first = next((layer for layer, kind in walk(net) if isinstance(kind, Conv2D)), None)

    def about(self) -> dict[str, Any]:
        """Return the labels, and the size of the drawing."""
        return {"kind": "drawing", "side": SIDE, "labels": list(map(str, self.labels))}

    def answer(self, asked: bytes) -> dict[str, Any]:
        """Return the probabilities for a drawing, the network's input, and its feature maps."""
        if len(asked) != self.most:
            raise ValueError(f"a drawing must have {self.most} bytes, one a pixel; received {len(asked)}")
        drawn = np.frombuffer(asked, np.uint8).reshape(SIDE, SIDE) / 255
        if not drawn.any():
            return {}
        channels, *size = self.net.input_shape
        image = np.repeat(centred(drawn, *size)[None], channels, axis=0)[None].astype(self.net.dtype)
        image = in_range(self.net, image)
        found = {"probabilities": probabilities(self.net, self.net.predict(image))[0].tolist(), "seen": _grey(image[0])}
        if self.first is not None:
            found["maps"] = _grey(self.net.activations(image, self.first)[0, :_MAPS])
        return found


def centred(drawn: Array, height: int, width: int) -> Array:
    """Make an image of a drawing: its strokes are scaled, and their centre of mass is moved to the middle.

    MNIST's images were made so (LeCun et al. 1998): the longer side takes 20 of 28 pixels.
    """
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    scale = longest / (_SHARE * min(height, width))  # drawn pixels for each of the image
    middle = np.arange(len(drawn)) + 0.5
    down, across = (drawn.sum(axis=axis) @ middle / drawn.sum() for axis in (1, 0))
    image: Array = _spans(height, scale, down, len(drawn)) @ drawn @ _spans(width, scale, across, len(drawn)).T
    return image.clip(0, 1)


def _spans(pixels: int, scale: float, middle: float, drawn: int) -> Array:
    """Return the weight of each drawn pixel in each pixel of a row, which is their mean if it covers several."""
    edges = (np.arange(pixels + 1) - pixels / 2) * scale + middle
    covered = (edges[:, None] - np.arange(drawn)).clip(0, 1)  # of each drawn pixel, up to each edge
    shares: Array = np.diff(covered, axis=0) / scale
    return shares


def _grey(maps: Array) -> dict[str, Any]:
    """Convert maps (C, H, W) to bytes: the largest number of all becomes 255, the smallest 0."""
    low, high = float(maps.min()), float(maps.max())
    levels = ((maps - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)
    count, height, width = maps.shape
    return {"count": count, "height": height, "width": width, "pixels": b64encode(levels.tobytes()).decode()}
