"""Images shifted, flipped, rotated and partly erased in training."""

import numpy as np

from .kinds import kind
from .randomness import uniform


def shifts(padding, bits):
    """Return how far each image is shifted down and right."""
    (ph, pw), low, high = padding, bits % np.uint64(2**32), bits >> np.uint64(32)
    down, right = low % np.uint64(2 * ph + 1), high % np.uint64(2 * pw + 1)
    return down.astype(int) - ph, right.astype(int) - pw


def shift(x, down, right):
    """Shift images (N, C, H, W), each by its own distances, and fill with zeros."""
    y = np.zeros_like(x)
    h, w = x.shape[2:]
    for n in range(len(x)):
        for i in range(h):
            for j in range(w):
                if 0 <= i - down[n] < h and 0 <= j - right[n] < w:
                    y[n, :, i, j] = x[n, :, i - down[n], j - right[n]]
    return y


def rotation(h, w, angle):
    """Return the weights (h w, h w) of all pixels in each pixel of an image that is rotated counterclockwise."""
    weights = np.zeros((h, w, h, w))
    cosine, sine = np.cos(angle), np.sin(angle)
    for i in range(h):
        for j in range(w):
            up, right = (h - 1) / 2 - i, j - (w - 1) / 2
            row, column = (h - 1) / 2 - (up * cosine - right * sine), (w - 1) / 2 + right * cosine + up * sine
            for k in range(h):
                for m in range(w):
                    weights[i, j, k, m] = max(0, 1 - abs(row - k)) * max(0, 1 - abs(column - m))
    return weights.reshape(h * w, h * w)


def erased(h, w, area, ratio, bits):
    """Return which pixels (N, h, w) a rectangle covers, with area, ratio and position drawn from the bits."""
    holes = np.zeros((len(bits), h, w), bool)
    for n, (a, r, down, right) in enumerate(zip(*(uniform(bits, k) for k in (1, 2, 3, 4)), strict=True)):
        area_now = h * w * (area[0] + a * (area[1] - area[0]))
        ratio_now = ratio[0] * (ratio[1] / ratio[0]) ** r
        rows = min(h, int(np.sqrt(area_now * ratio_now) + 0.5))
        columns = min(w, int(np.sqrt(area_now / ratio_now) + 0.5))
        top, left = int(down * (h - rows + 1)), int(right * (w - columns + 1))
        holes[n, top : top + rows, left : left + columns] = True
    return holes


@kind("shift")
def shift_layer(network, layer, x):
    if network.draw is None:
        return x, lambda dy: (dy,)
    down, right = shifts(layer["padding"], network.bits(len(x)))
    return shift(x, down, right), lambda dy: (shift(dy, -down, -right),)


@kind("flip")
def flip_layer(network, layer, x):
    if network.draw is None:
        return x, lambda dy: (dy,)
    bits = network.bits(len(x))
    down, right = layer["vertical"] * (bits & np.uint64(1)), layer["horizontal"] * (bits & np.uint64(2))

    def flipped(x):
        return np.stack([a[:, :: -1 if d else 1, :: -1 if r else 1] for a, d, r in zip(x, down, right, strict=True)])

    return flipped(x), lambda dy: (flipped(dy),)


@kind("rotate")
def rotate_layer(network, layer, x):
    if network.draw is None:
        return x, lambda dy: (dy,)
    n, c, h, w = x.shape
    angles = layer["degrees"] * np.pi / 180 * (2 * uniform(network.bits(n), 0) - 1)
    weights = np.stack([rotation(h, w, angle) for angle in angles]).reshape(n, 1, h * w, h * w)
    y = (weights @ x.reshape(n, c, h * w, 1)).reshape(x.shape)
    return y, lambda dy: ((weights.swapaxes(2, 3) @ dy.reshape(n, c, h * w, 1)).reshape(x.shape),)


@kind("erase")
def erase_layer(network, layer, x):
    if network.draw is None:
        return x, lambda dy: (dy,)
    bits = network.bits(len(x))
    holes = erased(*x.shape[2:], layer["area"], layer["ratio"], bits)
    kept = ~(holes & (uniform(bits, 0) < layer["rate"])[:, None, None])[:, None]
    return np.where(kept, x, 0), lambda dy: (np.where(kept, dy, 0),)
