r"""
Article 2: the linear unit and gradient descent
===============================================

A line through five salaries, and two ways down the error's valley: with all samples at
once, and one by one.

The perceptron's rule never rests where no line parts the answers. The article therefore
leaves its step away: a linear unit gives the weighted sum itself, a number instead of a yes
or no, here a salary of the years that somebody has worked.

.. math:: \bar y = w x + b

How wrong it is over all samples :math:`(x, y)` has one number too, half the sum of squared
errors. It is a function of the parameters alone, since the samples are given, and training
is to look for its lowest point:

.. math:: E(w, b) = \frac{1}{2} \sum_{(x, y)} (y - \bar y)^2
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

from fastdl import Sequential, layers, optimizers
from fastdl.compat.linear_unit import LinearUnit

YEARS = [[5], [3], [8], [1.4], [10.1]]
SALARIES = [5500, 2300, 7600, 1800, 11400]

# %%
# Downhill
# --------
#
# A gradient points where a function grows fastest, so a step against it goes down. For this
# error
#
# .. math:: \frac{\partial E}{\partial w} = -\sum (y - \bar y)\,x, \qquad
#    \frac{\partial E}{\partial b} = -\sum (y - \bar y)
#
# and a step of :math:`\eta` against one sample's part of it is :math:`w \leftarrow w +
# \eta\,(y - \bar y)\,x`: the perceptron's rule, to the letter. So the article's class is a
# perceptron with another activator, and everything else inherited.

unit = LinearUnit(1)
unit.train(YEARS, SALARIES, 10, 0.01)
print(unit, end="")
for worked in (3.4, 15, 1.5, 6.3):
    print(f"Work {worked} years, monthly salary = {unit.predict([worked]):.2f}")

# %%
# Below is that line, and the one that least squares give at once. Ten rounds have found the
# slope, but hardly the bias yet: its valley is long and flat, as the next picture shows.

x, y = np.array(YEARS)[:, 0], np.array(SALARIES)
slope, intercept = np.polyfit(x, y, 1)
print(f"least squares: {slope:.2f} a year, and {intercept:.2f}")

figure, axes = plt.subplots(
    num="Five salaries over years of work, the line learned in ten rounds, and the line of "
    "least squares beside it",
    figsize=(6, 3.4),
    layout="constrained",
)
axes.vlines(
    x, unit.weights[0] * x + unit.bias, y, color="tab:red", alpha=0.6, label="errors"
)
axes.plot(x, y, "o", color="tab:orange", label="samples")
ends = np.array([0, 11])
axes.plot(ends, unit.weights[0] * ends + unit.bias, label="linear unit, 10 rounds")
axes.plot(ends, slope * ends + intercept, "--", color="tab:green", label="least squares")
axes.set(xlabel="years of work", ylabel="monthly salary")
axes.legend(frameon=False)
plt.show()

# %%
# All at once, or one by one
# --------------------------
#
# Batch gradient descent (BGD) adds up all samples before it takes a step. Stochastic
# gradient descent (SGD) takes a step after each sample, along that sample's part alone. A
# step of SGD is cheaper by as much as there are samples, and not quite in the right
# direction. Where millions of samples say much the same, SGD arrives before BGD has taken
# its first few steps.
#
# To see both walk, `LinearUnit` is made to note where it has been; for BGD its round
# through the samples is replaced by one step. Salaries are in thousands and years are
# counted from their mean, which turns the valley's axes to those of the picture.


class Walking(LinearUnit):
    """Notes its parameters after each step."""

    def __init__(self, weight, bias):
        super().__init__(1)
        self.weights, self.bias = [weight], bias
        self.path = [(weight, bias)]

    def _update_weights(self, input_vec, output, label, rate):
        super()._update_weights(input_vec, output, label, rate)
        self.path.append((self.weights[0], self.bias))


class Batch(Walking):
    """Takes one step a round, along the gradient of all samples."""

    def _one_iteration(self, input_vecs, labels, rate):
        errors = [
            label - self.predict(vec) for vec, label in zip(input_vecs, labels, strict=True)
        ]
        self.weights = [
            self.weights[0]
            + rate * sum(e * vec[0] for e, vec in zip(errors, input_vecs, strict=True))
        ]
        self.bias += rate * sum(errors)
        self.path.append((self.weights[0], self.bias))


centred, thousands = (x - x.mean())[:, None].tolist(), (y / 1000).tolist()
START, RATE, ROUNDS = (-0.6, 1.0), 0.02, 40
walkers = {"BGD: a step a round": Batch(*START), "SGD: a step a sample": Walking(*START)}
for walker in walkers.values():
    walker.train(centred, thousands, ROUNDS, RATE)

# %%
# The error over both parameters is a bowl, here seen from above, with its lowest point a
# star. BGD goes straight down the steep side, and then along the floor. SGD takes five
# steps a round. Each leads towards what would suit its own sample, so it goes to and fro.

w, b = np.meshgrid(np.linspace(-1, 2.6, 121), np.linspace(0, 9, 121))
error = sum((t - w * c[0] - b) ** 2 for c, t in zip(centred, thousands, strict=True)) / 2
best = np.polyfit(np.array(centred)[:, 0], thousands, 1)

figure, panels = plt.subplots(
    1,
    2,
    num="Contours of the error over weight and bias: batch gradient descent walks "
    "smoothly, the stochastic one jumps",
    figsize=(8, 3.8),
    layout="constrained",
    sharey=True,
)
for axes, (name, walker), colour in zip(
    panels, walkers.items(), ("tab:red", "tab:purple"), strict=True
):
    axes.contour(
        w, b, error, levels=np.geomspace(2, 200, 9), cmap="viridis_r", linewidths=1
    )
    axes.plot(*np.transpose(walker.path), ".-", color=colour, linewidth=1.2, markersize=5)
    axes.plot(*best, "*", color="tab:orange", markersize=14)
    axes.set(title=name, xlabel="weight")
panels[0].set_ylabel("bias")
plt.show()

# %%
# The same as errors, above the least that a line can have. On the way down the two are
# equals. In the end BGD comes ever closer, and SGD keeps going to and fro at a distance
# that its rate sets. That is why rates fall in the course of a training, and why batches
# between one sample and all of them are common.


def error_at(path):
    """Return the error at each point of a path, or of one step."""
    steps = np.array(path)
    return 0.5 * (
        (np.array(thousands) - steps[:, :1] * np.array(centred).T - steps[:, 1:]) ** 2
    ).sum(axis=1)


figure, axes = plt.subplots(
    num="Error above the least by rounds: batch gradient descent goes on falling, the "
    "stochastic one stays above",
    figsize=(6, 3),
    layout="constrained",
)
for (name, walker), colour in zip(walkers.items(), ("tab:red", "tab:purple"), strict=True):
    errors = error_at(walker.path) - error_at([best])
    axes.semilogy(np.linspace(0, ROUNDS, len(errors)), errors, color=colour, label=name)
axes.set(xlabel="rounds through the samples", ylabel="error above the least")
axes.legend(frameon=False)
plt.show()

# %%
# With today's layers
# -------------------
#
# The unit is `layers.Dense(1)`, and the loss `squared_error` is the article's. How many
# samples make a step is `batch_size`: one of them is SGD, all of them BGD. A batch's
# gradient is the mean here and not the sum, so BGD's rate is five times as large. The
# numbers are the same:

for name, batch_size, rate in (("BGD", 5, 5 * RATE), ("SGD", 1, RATE)):
    net = Sequential([layers.Dense(1)], input_shape=1, dtype="float64", seed=0)
    net.params["0.weight"][...], net.params["0.bias"][...] = START
    net.fit(
        np.array(centred),
        np.array(thousands)[:, None],
        epochs=ROUNDS,
        batch_size=batch_size,
        shuffle=False,  # in their order, as in the article
        loss="squared_error",
        optimizer=optimizers.SGD(rate),
        verbose=0,
    )
    found = net.params["0.weight"].item(), net.params["0.bias"].item()
    walker = next(walker for title, walker in walkers.items() if title.startswith(name))
    print(
        f"{name}: weight {found[0]:.6f}, bias {found[1]:.6f}; "
        f"as above: {np.allclose(found, walker.path[-1])}"
    )
