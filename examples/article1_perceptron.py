r"""
Article 1: the perceptron
=========================

One neuron learns AND and OR, and cannot learn XOR: where a line can part the answers, and
where none can.

A perceptron weighs its inputs, adds a bias, and says 1 if the sum is above zero, otherwise
0:

.. math:: y = f(w_1 x_1 + w_2 x_2 + b), \qquad f(z) = 1 \text{ if } z > 0, \text{ else } 0

For two inputs the places where the sum is zero make a line in the plane. All that a
perceptron of two inputs can say is on which side of its line a point lies. With weights of
1/2 and a bias of -0.8 it is AND, with a bias of -0.3 it is OR; but nobody need know such
numbers beforehand.
"""

import matplotlib.pyplot as plt
import numpy as np

from fastdl import Sequential, layers, optimizers
from fastdl.compat.perceptron import Perceptron

# %%
# The rule
# --------
#
# All weights start at zero. Each sample in turn is asked, and corrects what it was told, by
# its label :math:`t` and a rate :math:`\eta`:
#
# .. math:: w_i \leftarrow w_i + \eta\,(t - y)\,x_i, \qquad b \leftarrow b + \eta\,(t - y)
#
# A right answer changes nothing. A wrong one moves the line towards the sample, or over it.
# The article's class does it, ten times through the truth table, at a rate of 0.1:

INPUTS = [[1, 1], [0, 0], [1, 0], [0, 1]]
TABLES = {"and": [1, 0, 0, 0], "or": [1, 0, 1, 1], "xor": [0, 0, 1, 1]}


def step(z):
    """Return on which side of zero a number is."""
    return 1 if z > 0 else 0


learned = {}
for name, labels in TABLES.items():
    learned[name] = Perceptron(2, step)
    learned[name].train(INPUTS, labels, 10, 0.1)
    print(learned[name], end="")
    for inputs, label in zip(INPUTS, labels, strict=True):
        print(
            f"{inputs[0]} {name} {inputs[1]} = {learned[name].predict(inputs)}, "
            f"should be {label}"
        )

# %%
# What a line can part
# --------------------
#
# The same as pictures. Dots are to be 1, crosses 0, and the shaded side is where the
# perceptron says 1.


def draw_table(axes, name, ones, x, y):
    """Draw a truth table, and shade where `ones`, an array over x and y, is true."""
    axes.contourf(x, y, ones, levels=[0.5, 1.5], colors=["tab:green"], alpha=0.25)
    for inputs, label in zip(INPUTS, TABLES[name], strict=True):
        axes.plot(
            *inputs,
            "o" if label else "x",
            color="tab:green" if label else "tab:red",
            markersize=11,
            mew=2.5,
        )
    axes.set(
        title=name.upper(),
        xlabel="first input",
        xticks=[0, 1],
        yticks=[0, 1],
        aspect="equal",
    )


line = np.linspace(-0.5, 1.5, 201)
x, y = np.meshgrid(line, line)
figure, panels = plt.subplots(
    1,
    3,
    num="Truth tables of AND, OR and XOR: a line parts the ones from the zeros of AND and "
    "of OR, none those of XOR",
    figsize=(8, 3),
    layout="constrained",
)
for axes, (name, perceptron) in zip(panels, learned.items(), strict=True):
    (w1, w2), b = perceptron.weights, perceptron.bias
    draw_table(axes, name, w1 * x + w2 * y + b > 0, x, y)
    if w2 > 0:
        axes.plot(line, -(b + w1 * line) / w2, color="tab:blue")
    axes.set(xlim=(-0.5, 1.5), ylim=(-0.5, 1.5))
panels[0].set_ylabel("second input")
plt.show()

# %%
# AND's line passes through a cross: there the sum is zero, which counts as 0, and a rule
# that learns from mistakes alone has no reason to move it further. Of XOR, ones and zeros
# lie on the two diagonals of the square. Whatever the line, one point is on the wrong side
# of it. Here it has left the square altogether, and every answer is 1.
#
# For how long does it look? Counting the mistakes of every round shows the difference. The
# articles' classes are there to be changed: what a subclass overrides is what runs.


class Counting(Perceptron):
    """Counts the mistakes of each round."""

    def __init__(self, input_num, activator):
        super().__init__(input_num, activator)
        self.mistakes = []

    def _one_iteration(self, input_vecs, labels, rate):
        self.mistakes.append(0)
        super()._one_iteration(input_vecs, labels, rate)

    def _update_weights(self, input_vec, output, label, rate):
        self.mistakes[-1] += output != label
        super()._update_weights(input_vec, output, label, rate)


figure, axes = plt.subplots(
    num="Mistakes a round: AND and OR come down to none within six rounds, XOR stays at "
    "four of four",
    figsize=(6, 2.6),
    layout="constrained",
)
for (name, labels), marker in zip(TABLES.items(), "os^", strict=True):
    counting = Counting(2, step)
    counting.train(INPUTS, labels, 12, 0.1)
    print(name, counting.mistakes)
    axes.plot(range(1, 13), counting.mistakes, marker=marker, label=name.upper())
axes.set(xlabel="round", ylabel="mistakes of four", ylim=(-0.2, 4.2))
axes.legend(frameon=False)
plt.show()

# %%
# A table that a line can part is learned after finitely many mistakes, which is the
# perceptron convergence theorem. For any other the rule goes round in circles for ever. A
# unit whose output follows its sum smoothly settles at a best compromise instead: that is
# :doc:`the second article <article2_linear_unit>`.
#
# With today's layers
# -------------------
#
# A neuron is `layers.Dense(1)`. It is trained on a smooth loss rather than by the rule, so
# its line ends up in the middle. Four hidden units in front of it, and XOR is no matter
# either: each draws a line of its own, and the last one weighs them, which is :doc:`the
# third article <article3_digits>`.

inputs = np.array(INPUTS, "float32")
nets = {
    "and": Sequential([layers.Dense(1)], input_shape=2, seed=0),
    "or": Sequential([layers.Dense(1)], input_shape=2, seed=0),
    "xor": Sequential([layers.Dense(4, "tanh"), layers.Dense(1)], input_shape=2, seed=0),
}
points = np.stack([x, y], axis=-1).reshape(-1, 2)
figure, panels = plt.subplots(
    1,
    3,
    num="The same tables learned by gradient descent: lines halfway between ones and "
    "zeros, and a band for XOR",
    figsize=(8, 3),
    layout="constrained",
)
for axes, (name, net) in zip(panels, nets.items(), strict=True):
    targets = np.array(TABLES[name], "float32")[:, None]
    options = {"loss": "binary_cross_entropy", "optimizer": optimizers.Adam(0.05)}
    history = net.fit(inputs, targets, epochs=300, batch_size=4, verbose=0, **options)
    print(
        name,
        (net.predict(inputs)[:, 0] > 0).astype(int),
        f"loss {history.history['loss'][-1]:.4f}",
    )
    draw_table(axes, name, net.predict(points).reshape(x.shape) > 0, x, y)
panels[0].set_ylabel("second input")
plt.show()
