"""A network's picture: every layer in its place, whatever is in its settings."""

import re
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from test_layers import CASES
from test_summary import Highway, Odd

from fastdl import Sequential, layers, models
from fastdl.inspection.outline import Outline, settings_of
from fastdl.inspection.svg import escaped, shortened, text_width

SVG = "{http://www.w3.org/2000/svg}"


class Drawn:
    """What is in a picture, at its coordinates there."""

    def __init__(self, net):
        self.root = ElementTree.fromstring(net.plot().svg)
        self.rects, self.texts, self.lines, self.tips = [], [], [], []
        self._take(self.root, 0, 0)

    def _take(self, element, x, y):
        if moved := re.fullmatch(r"translate\((\S+) (\S+)\)", element.get("transform", "")):
            x, y = x + float(moved[1]), y + float(moved[2])
        kind, tag = element.get("class", ""), element.tag.removeprefix(SVG)
        assert tag in ("svg", "style", "g", "rect", "path", "text", "title")
        if tag == "rect":
            left, top = x + float(element.get("x", 0)), y + float(element.get("y", 0))
            self.rects.append((kind, left, top, left + float(element.get("width")), top + float(element.get("height"))))
        elif tag == "text":
            size = 13 if "title" in kind else 11
            width = text_width(element.text, size)
            left = (
                x + float(element.get("x")) - {None: 0, "middle": width / 2, "end": width}[element.get("text-anchor")]
            )
            self.texts.append((element.text, left, y + float(element.get("y")), width))
        elif tag == "path":
            points = [(x + float(a), y + float(b)) for a, b in re.findall(r"[ML](\S+?) ([^MLQZ]+)", element.get("d"))]
            (self.tips if kind == "tip" else self.lines).append(points)
        for child in element:
            self._take(child, x, y)

    def kinds(self, *names):
        return [rect for rect in self.rects if rect[0].split()[0] in names]

    def words(self):
        return Counter(text for text, *_ in self.texts)


def on_edge(point, rect):
    (x, y), (_, left, top, right, bottom) = point, rect
    near = [abs(x - left), abs(x - right)], [abs(y - top), abs(y - bottom)]
    across = left - 0.1 <= x <= right + 0.1 and min(near[1]) < 0.1
    return across or (top - 0.1 <= y <= bottom + 0.1 and min(near[0]) < 0.1)


def inside(inner, outer):
    return all(a >= b - 0.1 for a, b in zip(inner[1:3], outer[1:3], strict=True)) and all(
        a <= b + 0.1 for a, b in zip(inner[3:], outer[3:], strict=True)
    )


def apart(one, other):
    return one[3] <= other[1] + 0.1 or other[3] <= one[1] + 0.1 or one[4] <= other[2] + 0.1 or other[4] <= one[2] + 0.1


def check(net):
    """Check what is true of every picture, and give it."""
    drawn, parts = Drawn(net), Outline(net).whole.all()[1:]
    (ground,) = drawn.kinds("ground")
    assert [float(n) for n in drawn.root.get("viewBox").split()] == [0, 0, *ground[3:]]
    things = drawn.kinds("box", "even", "odd")
    for k, one in enumerate(things):
        assert inside(one, ground)
        assert all(apart(one, other) or inside(one, other) or inside(other, one) for other in things[:k])
    for tip in drawn.tips:
        assert any(on_edge(tip[0], rect) for rect in things)
    for text, left, base, width in drawn.texts:  # inside whatever it begins in
        around = [r for r in drawn.rects if r[1] <= left and r[2] <= base <= r[4] and left <= r[3]]
        assert all(left + width <= r[3] + 0.1 for r in around if r[0].split()[0] != "ground"), text
        assert left + width <= ground[3]
    for k, (_, left, base, width) in enumerate(drawn.texts):
        assert all(abs(base - b) > 8 or left + width < a or a + w < left for _, a, b, w in drawn.texts[:k])
    words = drawn.words()
    names = Counter(type(part.layer).__name__ for part in parts if not isinstance(part.layer, layers.Bidirectional))
    for name, count in names.items():
        assert words[name] == count
    for part in parts:
        if part.parameter_count:
            assert any(text.split(" · ")[0] == f"{part.parameter_count:,}" for text in words)
    return drawn


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_layer(case):
    net = Sequential([case.make()], input_shape=case.shape_in_network)
    drawn = check(net)
    words = drawn.words()
    outline = Outline(net)
    for shape in (net.input_shape, net.output_shape):
        assert words[outline.shape_text(shape, " × ")]
    assert words["input"] == words["output"] == 1


def test_a_chain():
    drawn = check(models.lenet5())
    boxes = drawn.kinds("box")
    assert len(boxes) == 8
    assert len({(left, right) for _, left, _, right, _ in boxes}) == 1
    assert len(drawn.tips) == 9
    middle = (boxes[0][1] + boxes[0][3]) / 2
    beside_arrows = [text for text, left, *_ in drawn.texts if abs(left - middle - 9) < 0.1]
    images = ["1 × 28 × 28", "6 × 28 × 28", "6 × 14 × 14", "16 × 10 × 10", "16 × 5 × 5"]
    assert beside_arrows == [*images, "400", "120", "84", "10"]
    assert "6, 5 × 5, padding 2 × 2, relu" in drawn.words()
    tops = [top for _, _, top, *_ in boxes]
    assert tops == sorted(tops)


def test_branches():
    net = Sequential(
        [
            layers.Parallel([[layers.Dense(2), layers.Dense(3)], [], [layers.Dense(4)]]),
            layers.Residual([layers.Dense(15)]),
        ],
        input_shape=8,
    )
    drawn = check(net)
    assert drawn.words()["concat"] == drawn.words()["+"] == 1
    frames = drawn.kinds("even")
    for frame, layers_in_it, ways_around in zip(frames[1:3], (3, 1), (1, 1), strict=True):
        boxes = [r for r in drawn.kinds("box") if inside(r, frame) and r[4] - r[2] > 40]
        assert len(boxes) == layers_in_it
        above, below = min(r[2] for r in boxes), max(r[4] for r in boxes)
        lines = [line for line in drawn.lines if all(on_or_in(point, frame) for point in line)]
        around = [line for line in lines if line[0][1] < above and line[-1][1] > below]
        assert len(around) == ways_around
        for (x, _), *_ in [line[2:] for line in around]:
            assert not any(left <= x <= right for _, left, _, right, _ in boxes)


def on_or_in(point, rect):
    (x, y), (_, left, top, right, bottom) = point, rect
    return left - 0.1 <= x <= right + 0.1 and top - 0.1 <= y <= bottom + 0.1


def test_wide_and_deep():
    net = Sequential([layers.Parallel([[layers.Dense(k)] for k in range(1, 9)])], input_shape=8)
    drawn = check(net)
    boxes = [r for r in drawn.kinds("box") if r[4] - r[2] > 40]
    assert len(boxes) == 8
    assert len({top for _, _, top, *_ in boxes}) == 1
    layer = layers.Dense(5)
    for _ in range(30):
        layer = layers.Residual([layer])
    drawn = check(Sequential([layer], input_shape=5))
    assert len(drawn.kinds("even", "odd")) == 30 + 2


def test_a_long_chain_is_broken_into_columns():
    net = Sequential([layers.Dense(8, "relu") for _ in range(50)], input_shape=8)
    drawn = check(net)
    *_, right, bottom = drawn.kinds("ground")[0]
    assert 0.5 < right / bottom < 2
    assert len(drawn.tips) == 51
    columns = Counter(left for _, left, *_ in drawn.kinds("box"))
    assert len(columns) > 3
    assert max(columns.values()) - min(columns.values()) <= 3


def test_frozen_and_directions():
    net = Sequential([layers.Bidirectional(layers.GRU(4)), layers.Dense(3)], input_shape=(None, 6))
    net.layers[0].trainable = False
    drawn = check(net)
    words = drawn.words()
    assert words["GRU →"] == words["GRU ←"] == 1
    assert words["288 · frozen"] == 1
    assert words["144 · frozen"] == 2
    assert sum("frozen" in kind for kind, *_ in drawn.rects) == 3
    assert words["T × 6"] == 1


def test_containers_of_ones_own():
    net = Sequential(
        [Highway(layers.Dense(4), layers.Dense(4, "sigmoid")), Odd(layers.Dense(4), layers.Dense(4))], input_shape=4
    )
    assert check(net).words()["×"] == 1  # of the branches; those of the odd one are not known


class Named(layers.Layer):
    """A layer with any text for a setting."""

    def __init__(self, text="", *, also=()):
        super().__init__()
        self.text, self.also = text, also

    def operations(self, x):
        return x.then("activation", activation="relu", setting=0)


EVIL = "</text><script>alert('&\"')</script>\x00\x1b\ud800 漢字"


def test_anything_is_escaped():
    net = Sequential([Named(EVIL), Named(also=(EVIL,) * 40), Named(10**400), Named(lambda x: x)], input_shape=3)
    drawn = check(net)
    svg = net.plot().svg
    assert "<script" not in svg
    svg.encode()
    assert any(text.startswith("text </text><script>alert") for text, *_ in drawn.texts)
    assert escaped("a\x00<") == "a\ufffd&lt;"


def test_it_stands_alone():
    svg = models.lenet5().plot().svg
    assert svg.count("http") == 1  # the name of SVG's vocabulary
    assert "url(" not in svg
    assert " id=" not in svg  # of several in a page none may take another's parts
    assert "prefers-color-scheme:dark" in svg
    for rule in re.sub(r"@media \([^)]*\)\{", "", re.search("<style>(.*)</style>", svg)[1]).split("}"):
        assert not rule or rule.startswith(".fastdl-net ")


def test_saved(tmp_path):
    net = models.lenet5()
    picture = net.plot(tmp_path / "lenet.svg")
    assert (tmp_path / "lenet.svg").read_text(encoding="utf-8") == picture.svg == picture._repr_svg_()
    picture.save(str(tmp_path / "again.SVG"))
    with pytest.raises(ValueError, match=r"path must end in \.svg; received .*lenet\.png"):
        net.plot(tmp_path / "lenet.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.SVG", "lenet.svg"]


def test_an_unbuilt_network_has_no_picture():
    with pytest.raises(RuntimeError, match="Sequential must be built before use"):
        Sequential([layers.Dense(3)]).plot()


def test_settings():
    given = [
        (layers.Dense(7), ["7"]),
        (layers.Dense(7, "relu", initializer="he_normal"), ["7", "relu"]),
        (layers.Dense(9, layers.Activation("leaky_relu", slope=0.2)), ["9", "leaky_relu, slope 0.2"]),
        (layers.Conv2D(6, 5, stride=(1, 2), padding="same"), ["6", "5 × 5", "stride 1 × 2", "padding same"]),
        (layers.MaxPool2D(3, 2), ["3 × 3", "stride 2 × 2"]),
        (layers.MaxPool2D(3), ["3 × 3"]),
        (layers.LSTM(4, return_sequences=True), ["4", "return sequences"]),
        (layers.SelfAttention(4, causal=True), ["4", "causal"]),
        (layers.Parallel([[], []], "sum"), ["merge sum"]),
        (layers.Residual([layers.Dropout(0.25)]), []),
        (layers.Select(np.arange(40)), ["(0, 1, 2, 3, 4, 5, ...)"]),
        (layers.Bidirectional(layers.GRU(3), merge="sum"), ["merge sum"]),
    ]
    for layer, settings in given:
        assert settings_of(layer) == settings


def test_shortened():
    assert shortened("abc", 3) == "abc"
    assert shortened("ab, cdef", 5) == "ab…"


def test_what_a_console_shows():
    assert repr(models.lenet5(seed=0).plot()) == "<Picture: save(path) writes it, and a notebook shows it>"
