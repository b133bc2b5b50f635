"""Pictures of what networks learn and do: that they show the numbers that they are of."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import close

from fastdl import History, Sequential, layers, models, plots
from fastdl.layers.container import named_within

pytest.importorskip("matplotlib")


def image_of(axes):
    """What is drawn, with NaN where nothing is."""
    return axes.images[0].get_array().filled(np.nan)


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


LABELS = np.array([0, 0, 1, 2, 2, 2, 2])
SCORES = np.eye(3)[[0, 1, 1, 2, 2, 2, 0]] * 2 - 0.5
COUNTS = [[1, 1, 0], [0, 1, 0], [1, 0, 3]]


@pytest.mark.parametrize(
    ("targets", "outputs"),
    [
        (LABELS, SCORES),
        (LABELS.tolist(), SCORES.argmax(axis=1)),
        (np.eye(3)[LABELS], SCORES),
        (LABELS.reshape(1, 7), SCORES.reshape(1, 7, 3)),
        (LABELS.astype(float), SCORES.astype("float32")),
    ],
)
def test_confusion(targets, outputs):
    assert plots.confusion_matrix(targets, outputs).tolist() == COUNTS


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_confusion_of_yes_and_no(shape):
    yes, p = np.array([1, 1, 1, 0, 0, 0]).reshape(shape), np.array([0.9, 0.6, 0.5, 0.2, 0.7, 0.1]).reshape(shape)
    assert plots.confusion_matrix(yes, p).tolist() == [[2, 1], [1, 2]]
    assert plots.confusion_matrix(yes.astype(float), p).tolist() == [[2, 1], [1, 2]]


def test_confusion_as_scikit_learn(rng):
    targets, outputs = rng.integers(0, 7, 400), rng.standard_normal((400, 7))
    counts = np.zeros((7, 7), int)
    for i, j in zip(targets, outputs.argmax(axis=1), strict=True):
        counts[i, j] += 1
    assert (plots.confusion_matrix(targets, outputs) == counts).all()


@pytest.mark.parametrize(
    ("targets", "outputs", "message"),
    [
        ([0, 3], np.eye(2), "targets must be labels from 0 to 1"),
        ([0, -1], np.eye(2), "targets must be labels from 0 to 1"),
        ([0, 0.5], np.eye(2), "targets must be labels from 0 to 1"),
        ([0, 1], [-1, 0], "outputs must be labels from 0 to 1"),
        ([0, 1, 1], np.eye(2), r"targets must have shape \(2,\) or \(2, 2\) beside the outputs; received \(3,\)"),
        ([0, 1, 1], [0, 1], r"targets must have shape \(2,\) beside the outputs; received \(3,\)"),
        ([], np.zeros((0, 2)), "not be empty"),
        (np.zeros(0, int), np.zeros(0, int), "targets must not be empty"),
        ([0, 1], [[0.1, np.nan], [0.2, 0.8]], "outputs must be finite"),
        ([0.0, 1.0], [np.inf, 0.1], "outputs must be finite"),
        (
            [[1, 1, 0], [1, 0, 0]],
            np.eye(3)[:2],
            "targets must have one largest number in each row; received equal ones",
        ),
        ([[0, 0], [1, 0]], np.eye(2), "targets must have one largest number in each row; received equal ones"),
    ],
)
def test_what_has_no_confusion(targets, outputs, message):
    with pytest.raises(ValueError, match=message):
        plots.confusion_matrix(targets, outputs)


def test_picture_of_confusion(tmp_path):
    names = ["cat", "$dog$", "<b>"]
    figure = plots.plot_confusion(LABELS, SCORES, names=names, path=tmp_path / "confusion.png")
    axes = figure.axes[0]
    close(image_of(axes), np.array(COUNTS) / [[2], [1], [4]])
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(j, i): str(COUNTS[i][j]) for i in range(3) for j in range(3)}
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == ["cat", r"\$dog\$", "<b>"]
    assert axes.get_title() == "accuracy 71.43%"
    assert (tmp_path / "confusion.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="names must be 3; received 2"):
        plots.plot_confusion(LABELS, SCORES, names=names[:2])


def test_confusion_of_many_classes(rng):
    axes = plots.plot_confusion(rng.integers(0, 100, 500), rng.standard_normal((500, 100))).axes[0]
    assert not axes.texts
    assert len(ticks(axes.xaxis)) <= 40
    assert ticks(axes.xaxis)[1] == "3"


def tile(image, row, column, height, width):
    return image[row * (height + 1) : row * (height + 1) + height, column * (width + 1) : column * (width + 1) + width]


def test_filters_of_one_channel():
    layer = layers.Conv2D(6, (5, 4)).build((1, 9, 9), seed=0)
    figure = plots.plot_filters(layer)
    image, weight = image_of(figure.axes[0]), layer.params["weight"]
    assert image.shape == (2 * 6 - 1, 3 * 5 - 1)
    for k in range(6):
        assert (tile(image, k // 3, k % 3, 5, 4) == weight[k, 0]).all()
    low, high = figure.axes[0].images[0].get_clim()
    assert -low == high == abs(weight).max()
    assert np.isnan(image[5]).all()  # between tiles


def test_filters_of_several_channels():
    layer = layers.Conv2D(5, 3).build((2, 9, 9), seed=0)
    image = image_of(plots.plot_filters(layer).axes[0])
    for k in range(5):
        for channel in range(2):
            assert (tile(image, k, channel, 3, 3) == layer.params["weight"][k, channel]).all()


def test_filters_in_colours():
    layer = layers.Conv2D(3, 3).build((3, 9, 9), seed=0)
    layer.params["weight"][2] = 0
    image, weight = image_of(plots.plot_filters(layer).axes[0]), layer.params["weight"].transpose(0, 2, 3, 1)
    close(tile(image, 0, 1, 3, 3), 0.5 + weight[1] / abs(weight[1]).max() / 2, "float32")
    assert (tile(image, 1, 0, 3, 3) == 0.5).all()
    assert (tile(image, 1, 1, 3, 3) == 1).all()  # there are no more


def test_filters_of_a_dense_layer(tmp_path):
    layer = layers.Dense(4).build((30,), seed=0)
    figure = plots.plot_filters(layer, shape=(5, 6), path=tmp_path / "units.pdf")
    image = image_of(figure.axes[0])
    for k in range(4):
        assert (tile(image, k // 2, k % 2, 5, 6).reshape(-1) == layer.params["weight"][k]).all()
    assert (tmp_path / "units.pdf").read_bytes()[:4] == b"%PDF"
    assert image_of(plots.plot_filters(layer, shape=(2, 3, 5)).axes[0]).shape == (4 * 4 - 1, 2 * 6 - 1)
    for shape in (None, (5, 5), (30,), (None, 6), (-5, -6)):
        with pytest.raises(ValueError, match=r"^shape must be"):
            plots.plot_filters(layer, shape=shape)


def test_what_has_no_filters():
    with pytest.raises(ValueError, match="layer must have weights of images, or of their numbers; received Flatten"):
        plots.plot_filters(layers.Flatten().build((1, 2, 2)))
    with pytest.raises(RuntimeError, match="Conv2D must be built"):
        plots.plot_filters(layers.Conv2D(2, 3))
    with pytest.raises(ValueError, match="shape must be None for a convolution"):
        plots.plot_filters(layers.Conv2D(2, 3).build((1, 5, 5)), shape=(3, 3))
    with pytest.raises(TypeError, match="layer must be a Layer; received 3"):
        plots.plot_filters(3)


def test_attention(rng, tmp_path):
    net = models.transformer(9, 8, units=12, layers=2, heads=3, seed=0)
    x = rng.integers(0, 9, 6)
    figure = plots.plot_attention(net, x, names=["a", "cat", "is", "a", "$", "cat"], path=tmp_path / "attention.svg")
    weights = plots.attention_weights(net, x[None])[0]
    panels = figure.axes[:3]
    assert [axes.get_title() for axes in panels] == ["head 0", "head 1", "head 2"]
    for axes, expected in zip(panels, weights, strict=True):
        assert (image_of(axes) == expected).all()
        assert axes.images[0].get_clim() == (0, weights.max())
    assert ticks(panels[0].yaxis) == ["a", "cat", "is", "a", r"\$", "cat"]
    assert b"<svg" in (tmp_path / "attention.svg").read_bytes()
    second = next(
        name for name in ("5.1", "6.1", "7.1") if isinstance(named_within(net).get(name), layers.SelfAttention)
    )
    other = image_of(plots.plot_attention(net, x, second).axes[0])
    assert (other == plots.attention_weights(net, x[None], second)[0, 0]).all()
    assert (other != weights[0]).any()
    with pytest.raises(ValueError, match="names must be 6; received 2"):
        plots.plot_attention(net, x, names="ab")
    with pytest.raises(ValueError, match=r"x must be one sample, of shape \(None,\); received \(1, 6\)"):
        plots.plot_attention(net, x[None])


def trained(**figures):
    history = History()
    for k in range(len(next(iter(figures.values())))):
        history.append({"epoch": k + 1, **{name: values[k] for name, values in figures.items()}, "seconds": 0.25})
    return history


FIGURES = {
    "loss": [1.0, 0.1, 0.01, 0.005],
    "accuracy": [0.5, 0.8, 0.9, 1.0],
    "val_loss": [2.0, 0.5, 0.3, 0.4],
    "val_accuracy": [0.4, 0.7, 0.75, 0.7],
    "val_f1": [0.1, float("nan"), 0.3, 0.2],
    "rate": [0.1, 0.1, 0.05, 0.05],
}


def test_history(tmp_path):
    figure = trained(**FIGURES).plot(tmp_path / "history.png")
    panels = {axes.get_ylabel(): axes for axes in figure.axes}
    assert list(panels) == ["loss", "accuracy", "f1", "rate"]
    for name, axes in panels.items():
        lines = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}
        for label, figure_name in (("training", name), ("validation", f"val_{name}")):
            assert repr(lines.pop(label, None)) == repr(FIGURES.get(figure_name))
        assert axes.lines[0].get_xdata().tolist() == [1, 2, 3, 4]
        best = {"loss": 0.3, "accuracy": 0.75, "f1": 0.3}.get(name)
        assert lines == ({f"best: {best}, epoch 3": [best]} if best else {})
        assert axes.get_yscale() == ("log" if name == "loss" else "linear")
    assert (tmp_path / "history.png").read_bytes()[:4] == b"\x89PNG"


def test_scale_of_a_history():
    for losses, scale in (([1, 0.02], "linear"), ([1, 0.01], "log"), ([1, 0.0], "linear"), ([1, -0.001], "linear")):
        assert trained(loss=losses).plot().axes[0].get_yscale() == scale
    assert trained(accuracy=[0.001, 0.9]).plot().axes[0].get_yscale() == "linear"


def test_history_of_what_is_not_finite():
    nan = float("nan")
    figure = trained(loss=[nan, nan], accuracy=[float("inf"), 0.5]).plot()
    assert [len(axes.lines) for axes in figure.axes] == [1, 2]


def test_history_of_nothing():
    with pytest.raises(ValueError, match="the history must hold at least one epoch to be drawn; it holds none"):
        History().plot()


def test_without_a_screen_and_without_pyplot():
    code = """
import sys
from fastdl import History, layers, plots
history = History()
history.append({"loss": 1.0})
history.plot()
plots.plot_confusion([0, 1], [0, 1])
plots.plot_filters(layers.Conv2D(2, 3).build((1, 5, 5)))
assert "matplotlib.pyplot" not in sys.modules
"""
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    net = Sequential([layers.SelfAttention(1)], input_shape=(None, 2))
    for draw, what in (
        (lambda: trained(loss=[1]).plot(), "History.plot"),
        (lambda: plots.plot_confusion([0, 1], [0, 1]), "plot_confusion"),
        (lambda: plots.plot_filters(layers.Conv2D(2, 3).build((1, 5, 5))), "plot_filters"),
        (lambda: plots.plot_attention(net, np.zeros((3, 2))), "plot_attention"),
    ):
        with pytest.raises(ImportError, match=rf'{what} needs matplotlib: pip install ".*\[plot\]"'):
            draw()
