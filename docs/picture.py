"""Draws docs/lenet5.png: ``python docs/picture.py`` (needs matplotlib)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fastdl import datasets, recipes

(x, y), test = datasets.mnist()
recipe = recipes.lenet5(len(x), seed=0)
history = recipe.net.fit(x, y, validation_data=test, **recipe.arguments).history
seconds = np.cumsum(history["seconds"])

figure = Figure(figsize=(9, 2.9), layout="constrained")
loss, accuracy, kernels = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
for axes, measure in ((loss, "loss"), (accuracy, "accuracy")):
    axes.plot(seconds, history[measure], marker=".", label="training (shifted images)")
    axes.plot(seconds, history[f"val_{measure}"], marker=".", label="test")
    axes.set(xlabel="seconds, two cores", title=measure)
    axes.grid(alpha=0.3)
loss.set_yscale("log")
loss.legend(frameon=False)
accuracy.set_ylim(0.96, 1)
weight = recipe.net.layers[1].params["weight"][:, 0]
grid = (
    np.pad(weight, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan).reshape(2, 3, 6, 6).swapaxes(1, 2).reshape(12, 18)
)
kernels.imshow(grid, cmap="RdBu_r", vmin=-abs(weight).max(), vmax=abs(weight).max())
kernels.set(title="kernels of the first layer", xticks=[], yticks=[])
for spine in kernels.spines.values():
    spine.set_visible(False)
figure.savefig(Path(__file__).with_name("lenet5.png"), dpi=110)
