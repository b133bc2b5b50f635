"""Images that one draws: light strokes on dark, put where those of MNIST are."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, ClassVar

import numpy as np

from .._types import Array
from ..images.labels import labels_of, probabilities
from ..layers import Conv2D
from ..layers.container import walk
from ..sequential import Sequential

SIDE = 112  # pixels of what is drawn on
_SHARE = 20 / 28  # of an image's side that MNIST's digits take up
_MAPS = 32  # shown at the most


class Drawing:
    """A network that classifies images, shown with what its first convolution makes of them."""

    takes: ClassVar[str] = "application/octet-stream"
    most: ClassVar[int] = SIDE * SIDE

    def __init__(self, net: Sequential, name: str = "net") -> None:
        self.net, self.labels = net, labels_of(net, name)
        self.first = next((layer for layer, kind in walk(net) if isinstance(kind, Conv2D)), None)

    def about(self) -> dict[str, Any]:
        """Tell the labels, and how large the drawing is to be."""
        return {"kind": "drawing", "side": SIDE, "labels": list(map(str, self.labels))}

    def answer(self, asked: bytes) -> dict[str, Any]:
        """Tell the probabilities of what is drawn, what the network is given of it, and its feature maps."""
        if len(asked) != self.most:
            raise ValueError(f"a drawing must have {self.most} bytes, one a pixel; received {len(asked)}")
        drawn = np.frombuffer(asked, np.uint8).reshape(SIDE, SIDE) / 255
        if not drawn.any():
            return {}
        channels, *size = self.net.input_shape
        image = np.repeat(centred(drawn, *size)[None], channels, axis=0)[None].astype(self.net.dtype)
        found = {"probabilities": probabilities(self.net, self.net.predict(image))[0].tolist(), "seen": _grey(image[0])}
        if self.first is not None:
            found["maps"] = _grey(self.net.activations(image, self.first)[0, :_MAPS])
        return found


def centred(drawn: Array, height: int, width: int) -> Array:
    """Give an image of a drawing, whose strokes are scaled, and their centre of mass moved to the middle.

    So were MNIST's (LeCun et al. 1998): the longer side takes 20 of 28 pixels.
    """
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    scale = longest / (_SHARE * min(height, width))  # pixels drawn for one of the image
    middle = np.arange(len(drawn)) + 0.5
    down, across = (drawn.sum(axis=axis) @ middle / drawn.sum() for axis in (1, 0))
    image: Array = _spans(height, scale, down, len(drawn)) @ drawn @ _spans(width, scale, across, len(drawn)).T
    return image.clip(0, 1)


def _spans(pixels: int, scale: float, middle: float, drawn: int) -> Array:
    """Give for each pixel of a row how much it takes of each one drawn: a mean where it covers several."""
    edges = (np.arange(pixels + 1) - pixels / 2) * scale + middle
    covered = (edges[:, None] - np.arange(drawn)).clip(0, 1)  # of each one drawn, up to each edge
    shares: Array = np.diff(covered, axis=0) / scale
    return shares


def _grey(maps: Array) -> dict[str, Any]:
    """Write maps (C, H, W) down as bytes, the largest number of all being 255 and the least 0."""
    low, high = float(maps.min()), float(maps.max())
    levels = ((maps - low) * (255 / max(high - low, 1e-30))).astype(np.uint8)
    count, height, width = maps.shape
    return {"count": count, "height": height, "width": width, "pixels": b64encode(levels.tobytes()).decode()}
