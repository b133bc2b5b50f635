"""fastdl, through its public interface."""

import fastdl

from . import articles, calls, digits, functions, language, layers, many, networks, trees

VERSION = fastdl.__version__
WORKS = (
    digits.WORKS | layers.WORKS | calls.WORKS | functions.WORKS | language.WORKS | trees.WORKS | articles.WORKS
    | networks.WORKS | many.WORKS
)  # fmt: skip


def peak(threads):
    """GFLOP/s of nothing but fused multiply-adds."""
    return fastdl._core.load("float32").fma_peak(threads, 0.2)
