"""The kernels as plain functions under pytest-benchmark: each result is compared with NumPy's, then timed."""

import numpy as np
import pytest
import reference

import fastdl
from bench.contestants import fastdl as ours
from bench.row import TOLERANCE
from fastdl import functional

RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.standard_normal(shape).astype("float32")


IMAGES = draw(64, 6, 28, 28)
KERNELS, DELTA, POOLED = draw(16, 6, 5, 5), draw(64, 16, 24, 24), draw(64, 6, 14, 14)
COLUMNS = draw(64, 150, 576)
ROWS, WEIGHT, DROWS = draw(128, 784), draw(300, 784), draw(128, 300)
LOGITS, LABELS = draw(4096, 10), RNG.integers(0, 10, 4096)
FLAT, GRADIENT, VELOCITY = draw(61_706), draw(61_706), draw(61_706)
ONE, TWO, NONE = (1, 1), (2, 2), (0, 0)
CONVOLUTION = 2 * DELTA.size * 150
DENSE = 2 * 128 * 784 * 300


def sgd_step(p, g, v):
    functional.sgd_step(p, g, v, lr=0.01, momentum=0.9)
    return p, v


def adam_step(p, g, v):
    functional.adam_step(p, g, v, squares := abs(v), step=3, lr=0.01)
    return p, v, squares


# The function, its arguments, the reference's result in float64, and how many multiply-adds' operations it takes.
CASES = {
    "cross_correlate2d": (
        functional.cross_correlate2d, (IMAGES, KERNELS),
        lambda x, w: reference.cross_correlate2d(x, w, 0.0, ONE, NONE), CONVOLUTION,
    ),
    "cross_correlate2d_backward": (
        functional.cross_correlate2d_backward, (DELTA, IMAGES, KERNELS),
        lambda dy, x, w: reference.cross_correlate2d_backward(dy, x, w, ONE, NONE), 2 * CONVOLUTION,
    ),
    "im2col": (lambda x: functional.im2col(x, 5), (IMAGES,), lambda x: reference.im2col(x, (5, 5), ONE, NONE), 0),
    "col2im": (
        lambda c: functional.col2im(c, (28, 28), 5), (COLUMNS,),
        lambda c: reference.col2im(c, (28, 28), (5, 5), ONE, NONE), 0,
    ),
    "max_pool2d": (lambda x: functional.max_pool2d(x, 2), (IMAGES,), lambda x: reference.max_pool2d(x, TWO, TWO), 0),
    "max_pool2d_backward": (
        lambda dy, x: functional.max_pool2d_backward(dy, x, 2), (POOLED, IMAGES),
        lambda dy, x: reference.max_pool2d_backward(dy, x, TWO, TWO), 0,
    ),
    "mean_pool2d": (lambda x: functional.mean_pool2d(x, 2), (IMAGES,), lambda x: reference.mean_pool2d(x, TWO, TWO), 0),
    "mean_pool2d_backward": (
        lambda dy, x: functional.mean_pool2d_backward(dy, x, 2), (POOLED, IMAGES),
        lambda dy, x: reference.mean_pool2d_backward(dy, x, TWO, TWO), 0,
    ),
    "expand_sensitivity_map": (
        lambda d: functional.expand_sensitivity_map(d, 2), (POOLED,),
        lambda d: reference.expand_sensitivity_map(d, TWO, (27, 27)), 0,
    ),
    "dense": (functional.dense, (ROWS, WEIGHT), lambda x, w: x @ w.T, DENSE),
    "dense_backward": (functional.dense_backward, (DROWS, ROWS, WEIGHT), reference.dense_backward, 2 * DENSE),
    **{name: (getattr(functional, name), (LOGITS,), reference.ACTIVATIONS[name], 0) for name in reference.ACTIVATIONS},
    "cross_entropy": (functional.cross_entropy, (LOGITS, LABELS), reference.cross_entropy, 0),
    "cross_entropy_backward": (
        functional.cross_entropy_backward, (LOGITS, LABELS), reference.cross_entropy_backward, 0,
    ),
    "sgd_step": (
        sgd_step, (FLAT, GRADIENT, VELOCITY),
        lambda p, g, v: reference.sgd_step(p, g, v, lr=0.01, momentum=0.9), 0,
    ),
    "adam_step": (
        adam_step, (FLAT, GRADIENT, VELOCITY),
        lambda p, g, v: reference.adam_step(p, g, v, abs(v), step=3, lr=0.01), 0,
    ),
}  # fmt: skip


def as_double(a):
    return a.astype(float) if a.dtype == np.float32 else a


@pytest.mark.parametrize("name", CASES)
def test_kernel(name, benchmark):
    function, arguments, expected, flop = CASES[name]
    arguments = [a.copy() for a in arguments]  # the optimizers change theirs
    wanted = expected(*map(as_double, arguments))
    given = function(*arguments)
    for one, other in zip(*(r if isinstance(r, tuple) else (r,) for r in (given, wanted)), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * np.abs(other).max())
    benchmark.pedantic(function, arguments, rounds=15, iterations=3, warmup_rounds=1)
    if flop:
        speed = flop / benchmark.stats.stats.median / 1e9
        benchmark.extra_info["GFLOP/s"] = speed
        benchmark.extra_info["of peak"] = speed / ours.peak(fastdl.get_num_threads())
