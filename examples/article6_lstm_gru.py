"""Article 6: gradients of an LSTM and a GRU are exact, and both carry a bit over twenty steps."""

import numpy as np

from fastdl.compat.activators import IdentityActivator
from fastdl.compat.gru import GruLayer
from fastdl.compat.lstm import LstmLayer


def last_state(layer, inputs):
    """Run over a sequence of columns."""
    layer.reset_state()
    for x in inputs:
        layer.forward(x)
    return layer.h_list[-1]


def start(layer, letters):
    """Larger weights than the article's 1e-4."""
    for letter in letters:
        for name in (f"W{letter}h", f"W{letter}x"):
            setattr(layer, name, np.random.normal(0, 0.3, getattr(layer, name).shape))
    return layer


np.random.seed(0)
for layer in (start(LstmLayer(3, 2, 1e-3), "fioc"), start(GruLayer(3, 2, 1e-3), "zrc")):
    inputs = [np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [3.0], [4.0]])]
    last_state(layer, inputs)
    layer.backward(inputs[-1], np.ones((2, 1)), IdentityActivator())
    weights, gradient, epsilon = layer.Wch, layer.Wch_grad.copy(), 1e-5
    for i, j in np.ndindex(2, 2):
        weights[i, j] += epsilon
        above = last_state(layer, inputs).sum()
        weights[i, j] -= 2 * epsilon
        below = last_state(layer, inputs).sum()
        weights[i, j] += epsilon
        expected = (above - below) / (2 * epsilon)
        print(f"{type(layer).__name__} Wch({i},{j}): expected {expected:.8f}, actual {gradient[i, j]:.8f}")

for cls, letters in ((LstmLayer, "fioc"), (GruLayer, "zrc")):
    layer = start(cls(1, 12, 0.2), letters)
    if cls is LstmLayer:
        layer.bf = np.ones((12, 1))  # gates that keep, at first
    else:
        layer.bz = -np.ones((12, 1))
    errors = []
    for _ in range(1500):
        bit = np.random.choice([-1.0, 1.0])
        inputs = np.random.normal(0, 0.1, (20, 1, 1))
        inputs[0] = 2 * bit
        wrong = np.zeros((12, 1))
        wrong[0] = last_state(layer, inputs)[0] - 0.6 * bit
        errors.append(abs(wrong[0, 0]))
        layer.backward(inputs[-1], wrong, IdentityActivator())
        layer.update()
    first, last = np.mean(errors[:100]), np.mean(errors[-100:])
    print(f"{cls.__name__}: mean error over the first 100 sequences {first:.3f}, the last {last:.3f}")
