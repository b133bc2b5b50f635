"""Kernels as functions of arrays."""

import fastdl
from bench import functions
from bench.contestants import Task
from fastdl import functional


def _function(name, function, *options):
    def prepare(threads):
        fastdl.set_num_threads(threads)
        arrays = functions.data(name)

        def run():
            fastdl.set_num_threads(threads)
            for _ in range(functions.CALLS):
                function(*arrays, *options)

        return Task(functions.digest(function(*arrays, *options)), run, functions.CALLS)

    return prepare


WORKS = {
    "im2col": _function("im2col", functional.im2col, 5),
    "max_pool2d": _function("max_pool2d", functional.max_pool2d, 2),
    "mean_pool2d": _function("mean_pool2d", functional.mean_pool2d, 2),
    "expand_sensitivity_map": _function("expand_sensitivity_map", functional.expand_sensitivity_map, 2),
    **{name: _function(name, getattr(functional, f"{cell}_step")) for name, (cell, _) in functions.STEPS.items()},
}
