"""A single convolution, forward and gradients."""

from __future__ import annotations

from functools import cache

import numpy as np
import reference

from .row import digest


@cache
def data():
    """x, weight and the gradient of y: 64 to 64 channels, three by three, on 32 x 32, batch 32."""
    rng = np.random.default_rng(1)
    x, dy = (rng.standard_normal((32, 64, 32, 32)).astype("float32") for _ in range(2))
    return x, (rng.standard_normal((64, 64, 3, 3)) / 24).astype("float32"), dy


@cache
def result():
    x, weight, dy = (a.astype(float) for a in data())
    y = reference.cross_correlate2d(x, weight, np.zeros(64), (1, 1), (1, 1))
    dx, dw, _ = reference.cross_correlate2d_backward(dy, x, weight, (1, 1), (1, 1))
    return digest(y, dx, dw)
