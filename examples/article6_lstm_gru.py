r"""
Article 6: LSTM and GRU
=======================

Why a recurrent layer forgets, what gates do about it, and how they open and close while a
bit is kept over twenty steps.

In a recurrent layer an error term goes back by one step as :math:`\delta_{t-1} =
f'(s_{t-1}) \circ W^T \delta_t`. Over many steps that is a product of many matrices, so its
length is bounded by a power,

.. math:: \lVert \delta_k \rVert \le \lVert \delta_t \rVert\,(\beta_f\,\beta_W)^{t-k}

and what is multiplied by nine tenths a hundred times is as good as gone. A long short-term
memory therefore keeps a second state, :math:`c`, to which things are *added*, and gates,
numbers between 0 and 1, that say how much:

.. math:: f, i, o = \sigma(W_h h_{t-1} + W_x x_t + b), \qquad
   \tilde c = \tanh(W_{ch} h_{t-1} + W_{cx} x_t + b_c)

.. math:: c_t = f \circ c_{t-1} + i \circ \tilde c, \qquad h_t = o \circ \tanh(c_t)

Where the forget gate :math:`f` is near one, an error goes back through :math:`c` unharmed.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from fastdl import Sequential, layers, optimizers
from fastdl.compat.activators import IdentityActivator
from fastdl.compat.gru import GruLayer
from fastdl.compat.lstm import LstmLayer

# %%
# Vanishing gradients
# -------------------
#
# Layers of 64 units as they start, a hundred random inputs, and a random error at the last
# state. How much of it arrives at the input so many steps before?

STEPS, UNITS, SEQUENCES = 100, 64, 32
LAYERS = {
    "RNN": layers.RNN(UNITS, return_sequences=True, recurrent_initializer="uniform"),
    "RNN, orthogonal": layers.RNN(UNITS, return_sequences=True),
    "LSTM, forget bias 1": layers.LSTM(UNITS, return_sequences=True),
    "LSTM, forget bias 3": layers.LSTM(UNITS, return_sequences=True, forget_bias=3.0),
}
DISTANCES = (0, 1, 3, 10, 30, 99)


def norms(layer):
    """Return the norm of the last state's gradient, by steps back to the input."""
    rng = np.random.default_rng(0)
    layer.build((STEPS, 8), dtype="float64", seed=0)
    layer.forward(rng.standard_normal((SEQUENCES, STEPS, 8)))
    dy = np.zeros((SEQUENCES, STEPS, UNITS))
    dy[:, -1] = rng.standard_normal((SEQUENCES, UNITS))
    return np.linalg.norm(layer.backward(dy), axis=2).mean(axis=0)[::-1]


curves = {name: norms(layer) for name, layer in LAYERS.items()}
print(f"{'steps back':20}" + "".join(f"{distance:>10}" for distance in DISTANCES))
for name, curve in curves.items():
    print(f"{name:20}" + "".join(f"{curve[distance]:10.1e}" for distance in DISTANCES))

figure, axes = plt.subplots(
    num="The gradient's norm by steps back in time: an RNN's falls by powers of ten, an "
    "LSTM's with open gates stays",
    figsize=(6.5, 3.4),
    layout="constrained",
)
for name, curve in curves.items():
    axes.semilogy(curve, label=name)
axes.set(xlabel="steps back in time", ylabel="gradient's norm", ylim=(1e-16, 10))
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()

# %%
# An orthogonal start lets an RNN's gradient live for longer, but it too falls as a power.
# An LSTM whose forget gates start open does not lose it.
#
# The gradients, checked
# ----------------------
#
# The article derives the LSTM's gradients and leaves the GRU's to its readers. A GRU has
# one state and two gates, an update gate :math:`z` and a reset gate :math:`r`:
#
# .. math:: \tilde h = \tanh(W_{hx} x_t + W_{hh} (r \circ h_{t-1})), \qquad
#    h_t = (1 - z) \circ h_{t-1} + z \circ \tilde h
#
# Both are here under the article's names. Two steps, the sum of outputs as the error, and
# central differences:


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
inputs = [np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [3.0], [4.0]])]
for layer in (start(LstmLayer(3, 2, 1e-3), "fioc"), start(GruLayer(3, 2, 1e-3), "zrc")):
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
        print(
            f"{type(layer).__name__} Wch({i},{j}): "
            f"expected {expected:.8f}, actual {gradient[i, j]:.8f}"
        )

# %%
# A bit over twenty steps
# -----------------------
#
# The first of twenty inputs is 2 or -2, the others are noise; unit 0 of the last state is
# to be 0.6 or -0.6. The same sequences for an LSTM and a GRU, one at a time. Both begin
# with gates that keep.

WIDTH, LENGTH, SAMPLES = 12, 20, 1200


def lstm():
    """Return an LSTM whose gates keep, at first."""
    layer = start(LstmLayer(1, WIDTH, 0.2), "fioc")
    layer.bf = 2 * np.ones((WIDTH, 1))
    return layer


def gru():
    """Return a GRU whose gates keep, at first."""
    layer = start(GruLayer(1, WIDTH, 0.2), "zrc")
    layer.bz = -np.ones((WIDTH, 1))
    return layer


def sequence(random):
    """Return a bit, 1 or -1, and the inputs that begin with it."""
    bit = random.choice([-1.0, 1.0])
    inputs = random.normal(0, 0.1, (LENGTH, 1, 1))
    inputs[0] = 2 * bit
    return bit, inputs


trained, errors = {}, {}
for name, make in (("GRU", gru), ("LSTM", lstm)):
    np.random.seed(3)
    layer = trained[name] = make()
    random, errors[name] = np.random.default_rng(0), []
    for _ in range(SAMPLES):
        bit, inputs = sequence(random)
        wrong = np.zeros((WIDTH, 1))
        wrong[0] = last_state(layer, inputs)[0] - 0.6 * bit
        errors[name].append(abs(wrong[0, 0]))
        layer.backward(inputs[-1], wrong, IdentityActivator())
        layer.update()
    first, last = np.mean(errors[name][:100]), np.mean(errors[name][-100:])
    print(
        f"{name}: mean error over the first 100 sequences {first:.3f}, the last {last:.3f}"
    )

figure, axes = plt.subplots(
    num="Error by sequences seen: each layer learns to keep the bit, the LSTM before the "
    "GRU",
    figsize=(6.5, 3),
    layout="constrained",
)
for name, values in errors.items():
    axes.semilogy(np.convolve(values, np.ones(50) / 50, "valid"), label=name)
axes.set(xlabel="sequences seen", ylabel="error, mean of 50")
axes.grid(alpha=0.3)
axes.legend(frameon=False)
plt.show()

# %%
# For as long as nothing of the bit arrives, there is nothing to learn from, and the error
# stays at 0.6; once a little does, it goes fast. How long that takes depends on the start.
# (From some the plain layer of the fifth article does it too: where products of its weights
# happen to neither grow nor shrink.)
#
# The gates in time
# -----------------
#
# What the trained LSTM does while it keeps a 1. A row is a unit, a column a time. The first
# column differs from all others, for there the input came, and gates answer it. What it
# wrote into the cells is kept by forget gates of nearly 0.9, and some of the cells add to
# it until they are asked.

layer = trained["LSTM"]
_, inputs = sequence(np.random.default_rng(5))
last_state(layer, np.concatenate([[[[2.0]]], inputs[1:]]))
shown = {
    "input gate": (layer.i_list, "viridis", 0, 1),
    "forget gate": (layer.f_list, "viridis", 0, 1),
    "output gate": (layer.o_list, "viridis", 0, 1),
    "cell": (layer.c_list, "RdBu_r", -3, 3),
}
figure, panels = plt.subplots(
    1,
    4,
    num="Gates and cells of an LSTM over twenty steps: gates answer the first input, cells "
    "keep what it wrote",
    figsize=(8, 2.8),
    layout="constrained",
    sharey=True,
)
for axes, (name, (values, colours, low, high)) in zip(panels, shown.items(), strict=True):
    drawn = axes.imshow(
        np.hstack(values[1:]), cmap=colours, vmin=low, vmax=high, aspect="auto"
    )
    axes.set(title=name, xlabel="time")
    axes.set_xticks([0, 9, 19], [1, 10, 20])
    figure.colorbar(drawn, ax=axes, orientation="horizontal", ticks=[low, high])
panels[0].set(ylabel="unit", yticks=[])
plt.show()

# %%
# With today's layers
# -------------------
#
# `layers.LSTM` and `layers.GRU` take whole batches of sequences. (The article's GRU is
# `layers.GRU(units, reset_after=False)`; without it, it is PyTorch's.) The same task, with
# a step for 32 sequences:

random = np.random.default_rng(0)
bits = random.choice([-1.0, 1.0], 3200)
x = random.normal(0, 0.1, (3200, LENGTH, 1))
x[:, 0, 0] = 2 * bits
for cell in (layers.LSTM(WIDTH), layers.GRU(WIDTH, reset_after=False)):
    net = Sequential([cell, layers.Dense(1)], input_shape=(None, 1), seed=0)
    begun = time.perf_counter()
    net.fit(
        x,
        0.6 * bits[:, None],
        epochs=10,
        loss="squared_error",
        optimizer=optimizers.Adam(0.01),
        verbose=0,
    )
    wrong = abs(net.predict(x)[:, 0] - 0.6 * bits).mean()
    print(
        f"{type(cell).__name__}: {time.perf_counter() - begun:.1f} s, "
        f"mean error {wrong:.4f}"
    )
