"""Products large enough to be cut into parts, and packed, by every instruction set: against NumPy."""

from pathlib import Path

import pytest
from test_portability import run

from fastdl import _core

CODE = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np, reference
from conftest import close
from fastdl import _core, layers, set_num_threads
rng = np.random.default_rng(0)


def check(layer, shape, samples, expected, expected_backward):
    layer.build(shape, dtype="{dtype}", seed=0)
    weight, bias = (layer.params[name].astype(float) for name in ("weight", "bias"))
    x = rng.standard_normal((samples, *shape)) / 30
    dy = rng.standard_normal((samples, *layer.output_shape)) / 30
    y, (dx, dw, db) = expected(x, weight, bias), expected_backward(dy, x, weight)
    for threads in (1, 2):              # several read copies of the weights that one alone does without
        set_num_threads(threads)
        close(layer.forward(x), y, "{dtype}")
        close(layer.backward(dy), dx, "{dtype}")
        close(layer.grads["weight"], dw, "{dtype}")
        close(layer.grads["bias"], db, "{dtype}")


# Sums that one part holds, and two, and more; panels of every width; rows that lie a power of two apart.
for samples, inputs, outputs in (
    (300, 383, 600), (521, 385, 201), (70, 1024, 512), (9, 2051, 256), (3, 1500, 65), (130, 64, 1024), (64, 1, 130),
    (400, 270, 390), (256, 500, 770), (64, 770, 500), (4, 803, 410),
):
    check(layers.Dense(outputs), (inputs,), samples, reference.dense, reference.dense_backward)
# And of so many rows, the steps of a sample, that they are packed in several blocks.
check(
    layers.Dense(390), (140, 400), 2, reference.dense,
    lambda dy, x, w: (dy @ w, np.einsum("nto,nti->oi", dy, x), dy.sum(axis=(0, 1))),
)
# Fields of long rows, each a piece of the sum or several of them, and of many short ones.
for kernel, channels, outputs in ((3, 150, 130), (2, 600, 9), (7, 20, 67)):
    check(
        layers.Conv2D(outputs, kernel), (channels, 9, 8), 3,
        lambda x, w, b: reference.cross_correlate2d(x, w, b, (1, 1), (0, 0)),
        lambda dy, x, w: reference.cross_correlate2d_backward(dy, x, w, (1, 1), (0, 0)),
    )
# States so wide that the panels of their weights, which are laid out once, are read in parts.
layer = layers.RNN(1040, return_sequences=True)
layer.build((5, 1100), dtype="{dtype}", seed=0)
weights = {{name: values.astype(float) for name, values in layer.params.items()}}
x, dy = rng.standard_normal((10, 5, 1100)), rng.standard_normal((10, 5, 1040)) / 30
close(layer.forward(x), reference.recurrent("rnn", x, weights)[0], "{dtype}")
dx, gradients = reference.recurrent_backward("rnn", dy, x, weights)
close(layer.backward(dy), dx, "{dtype}")
for name, gradient in gradients.items():
    close(layer.grads[name], gradient, "{dtype}")
print(_core.isa)
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("isa", _core._LEVELS[_core.features.level()])
def test_large_products(isa, dtype):
    done = run(CODE.format(tests=str(Path(__file__).parent), dtype=dtype), FASTDL_ISA=isa)
    assert done.split() == [isa]
