"""What notebooks show of networks and of histories: their numbers, whatever is in their names."""

import inspect
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from test_layers import CASES
from test_picture import EVIL, Named
from watched import Alarm, Ends, fit, network

from fastdl import History, Sequential, callbacks, layers, models
from fastdl.callbacks import live_curves
from fastdl.inspection.summary import Summary

VOID = {"path", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """Its elements, closed as they were opened, and the text in each."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append([tag, dict(attributes), ""])

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID
        self.found.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        assert self.open[-1][0] == tag
        self.found.append(self.open.pop())

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def texts(self, *tags):
        return [text for tag, _, text in self.found if tag in tags]

    def rows(self):
        return [row.split("\n") for row in self.texts("tr")]


def page_of(html):
    page = Page(html)
    for tag, attributes, _ in page.found:
        assert tag not in ("script", "iframe", "img", "link", "foreignObject")
        assert not any(name.startswith("on") or name in ("href", "src") for name in attributes)
    return page


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_layer(case):
    net = Sequential([case.make()], input_shape=case.shape_in_network)
    page = page_of(net._repr_html_())
    assert net.plot().svg in net._repr_html_()
    summary = Summary(net)
    cells = [text.replace("\u200b", "") for text in page.texts("td")]
    assert cells == [cell.strip() for row in summary.rows() for cell in row]
    assert [text.replace("\u200b", "") for text in page.texts("th")][6:] == list(summary.total())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_help_shows_the_arguments_of_a_layer(case):
    kind = type(case.make())
    shown, said = inspect.signature(kind), inspect.signature(kind.__init__)
    assert list(shown.parameters.values()) == list(said.parameters.values())[1:]


def test_a_network():
    page = page_of(models.lenet5()._repr_html_())
    assert page.texts("summary") == ["Sequential: 61,706 parameters, 416,520 multiply-adds, 34.0 kB of activations"]
    assert "parameters: 246.8 kB (float32)" in page.texts("div")


def test_an_unbuilt_network():
    net = Sequential([layers.Dense(3), Named(EVIL)])
    page = page_of(net._repr_html_())
    assert page.texts("pre") == [repr(net)]


def test_anything_is_escaped():
    net = Sequential([Named(EVIL)], input_shape=3)
    assert "<script" not in net._repr_html_()
    page_of(net._repr_html_())
    history = History()
    history.append({EVIL: 1.0, f"val_{EVIL}": 2.0, "loss": 3.0})
    assert "<script" not in history._repr_html_()
    page_of(history._repr_html_())


def test_a_printed_history_tells_its_last_epoch():
    history = History()
    assert repr(history) == "<History of 0 epochs>"
    history.append({"epoch": 1, "loss": 1.0, "val_loss": 2.0})
    history.append({"epoch": 2, "loss": 0.123456, "val_loss": 1.5})
    assert repr(history) == "<History of 2 epochs: loss 0.1235, val_loss 1.5>"


def history_of(epochs):
    history = History()
    for k in range(epochs):
        history.append(
            {
                "epoch": k + 1,
                "loss": 0.5**k,
                "val_loss": (k - 3) ** 2 + 1.0,
                "val_accuracy": k / 20,
                "rate": 0.1,
                "seconds": 0.5,
            }
        )
    return history


def curves(html):
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html)]


def test_a_history():
    html = history_of(8)._repr_html_()
    page = page_of(html)
    assert page.texts("th") == ["epoch", "loss", "val_loss", "val_accuracy", "rate", "seconds"]
    cells = page.texts("td")
    assert [cells[k : k + 6] for k in (0, 42)] == [
        ["1", "1", "10", "0", "0.1", "0.5"],
        ["8", "0.007812", "17", "0.35", "0.1", "0.5"],
    ]
    assert len(cells) == 48
    assert page.texts("b") == ["1", "0.35"]  # the best of val_loss and of val_accuracy
    assert page.texts("summary") == ["8 epochs, 4 seconds"]
    assert page.texts("span") == ["— training ", "— validation "]
    drawn = curves(html)
    assert [svg.get("aria-label") for svg in drawn] == ["loss", "accuracy", "rate"]
    assert [len(svg.findall("{*}polyline")) for svg in drawn] == [2, 1, 1]


def points(line):
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def test_small_curves():
    """On the scale of the figure, from side to side, lower where it is less."""
    loss, accuracy, rate = curves(history_of(8)._repr_html_())
    (line,) = accuracy.findall("{*}polyline")
    assert points(line)[0] == (8, 108)
    assert points(line)[-1] == (228, 24)
    _, training = loss.findall("{*}polyline")  # of powers, as losses span decades: a straight line
    (x0, y0), (x1, y1), *_, (x7, y7) = points(training)
    assert (y7 - y0) / (x7 - x0) == pytest.approx((y1 - y0) / (x1 - x0), rel=1e-2)
    assert "log scale" in [text.text for text in loss.findall("{*}text")]
    best = loss.find("{*}circle")
    assert float(best.get("cx")) == pytest.approx(8 + 220 * 3 / 7, abs=0.01)
    (line,) = rate.findall("{*}polyline")
    assert {y for _, y in points(line)} == {66}


@pytest.mark.parametrize("values", [[], [1.0], [float("nan")] * 3, [float("inf"), 1.0, float("-inf")], [0.0, 0.0]])
def test_histories_of_little(values):
    history = History()
    for value in values:
        history.append({"loss": value, "val_accuracy": value})
    page = page_of(history._repr_html_())
    assert page.texts("summary") == [f"{len(values)} epoch{'s' * (len(values) != 1)}"]
    for svg in curves(history._repr_html_()):
        for line in svg.findall("{*}polyline"):
            assert all(8 <= x <= 228 and 24 <= y <= 108 for x, y in points(line))


def test_a_long_history_is_folded():
    assert "<details open>" in history_of(12)._repr_html_()
    assert "<details>" in history_of(13)._repr_html_()


def test_a_very_long_history_has_a_row_for_some_epochs():
    page = page_of(history_of(2003)._repr_html_())
    cells = page.texts("td")
    epochs = [int(text) for text in cells[::6]]
    assert epochs == sorted({*range(1, 2004, 11), 4, 2003})
    assert page.texts("b") == ["1", "100.1"]


def epochs_of(html):
    return int(re.search(r"<summary>(\d+) epoch", html)[1])


def test_live_curves_grow(notebook, monkeypatch):
    """From an empty place on, with each epoch, to what the history shows in the end."""
    monkeypatch.setattr(live_curves, "_BETWEEN", 0.0)
    monkeypatch.setattr(live_curves, "_SHARE", 1e9)
    net = network()
    history = fit(net, [callbacks.LiveCurves()], epochs=5)
    assert [epochs_of(html) for html in notebook.shown] == [0, 1, 2, 3, 4, 5]
    assert notebook.shown[-1] == history._repr_html_()
    assert len(points(curves(notebook.shown[3])[0].findall("{*}polyline")[0])) == 3


class Clock:
    """A second an epoch; drawing takes what it is told."""

    def __init__(self):
        self.now = self.cost = 0.0

    def __call__(self):
        self.now += self.cost / 2  # a drawing asks twice
        return self.now


@pytest.mark.parametrize(
    ("between", "cost", "drawn"), [(0.5, 0.0, [1, 2, 3, 4, 5, 6]), (2.5, 0.0, [1, 4, 6]), (0.0, 0.2, [1, 3, 5, 6])]
)
def test_live_curves_are_drawn_now_and_then(between, cost, drawn, notebook, monkeypatch):
    """No two within that time, nor for more than their share of it; the last epoch always is."""
    clock = Clock()

    class Passes(callbacks.Callback):
        def on_epoch_begin(self, net, epoch):
            clock.now += 1

    monkeypatch.setattr(live_curves, "_BETWEEN", between)
    monkeypatch.setattr(live_curves, "perf_counter", clock)
    clock.cost = cost
    fit(network(), [Passes(), callbacks.LiveCurves()], epochs=6)
    assert [epochs_of(html) for html in notebook.shown] == [0, *drawn]


def test_live_curves_of_a_training_that_is_interrupted(notebook, monkeypatch):
    monkeypatch.setattr(live_curves, "_BETWEEN", 1e9)
    curves = callbacks.LiveCurves()
    with pytest.raises(Alarm):
        fit(network(), [curves, Ends(4)])
    assert [epochs_of(html) for html in notebook.shown] == [0, 1, 3]
    fit(network(), [curves], epochs=1)
    assert [epochs_of(html) for html in notebook.shown[3:]] == [0, 1]


def test_live_curves_where_there_is_no_notebook(notebook):
    notebook.in_notebook = False
    fit(network(), [callbacks.LiveCurves()], epochs=2)
    assert len(notebook.shown) == 1
