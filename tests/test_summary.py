"""The table of a network: what its layers give, have and cost."""

import numpy as np
import pytest
from test_layers import CASES

from fastdl import Sequential, layers, models
from fastdl.inspection.summary import Summary, bytes_text
from fastdl.inspection.work import Count

LENET = """
   layer      output        parameters  multiply-adds  activations
0  Conv2D     (6, 28, 28)          156        117,600      18.8 kB
1  MaxPool2D  (6, 14, 14)            0              0       4.7 kB
2  Conv2D     (16, 10, 10)       2,416        240,000       6.4 kB
3  MaxPool2D  (16, 5, 5)             0              0       1.6 kB
4  Flatten    (400,)                 0              0       1.6 kB
5  Dense      (120,)            48,120         48,000        480 B
6  Dense      (84,)             10,164         10,080        336 B
7  Dense      (10,)                850            840         40 B
   total                        61,706        416,520      34.0 kB
parameters: 246.8 kB (float32)
"""

NESTED = """
       layer                 output  parameters  multiply-adds  activations
0      Sequential (frozen)   (12,)
0.0      Dense (frozen)      (12,)          108             96         96 B
0.1      BatchNorm (frozen)  (12,)           48              0         96 B
1      Residual              (12,)                                     96 B
1.0      Dense               (6,)            78             72         48 B
1.1      Residual            (6,)                                      48 B
1.1.0      LayerNorm         (6,)            12              0         48 B
1.2      Dense (frozen)      (12,)           84             72         96 B
2      Parallel              (15,)                                    120 B
2.0.0    Dense               (3,)            39             36         24 B
       total                                369            276        672 B
parameters: 3.0 kB (float64), 240 of them frozen
"""

ANY_LENGTH = """
   layer                output   parameters       multiply-adds       activations
0  Embedding            (T, 8)          240                   0          32 B × T
1  PositionalEmbedding  (T, 8)          320                   0          32 B × T
2  SelfAttention        (T, 8)          288       16 T² + 256 T          32 B × T
3  SelfAttention        (T, 8)          288        8 T² + 264 T          32 B × T
4  Bidirectional        (T, 10)         150               130 T          40 B × T
5  LSTM                 (5,)            340               300 T              20 B
6  Dense                (3,)             18                  15              12 B
   total                              1,644  24 T² + 950 T + 15  168 B × T + 32 B
parameters: 6.6 kB (float32)
T: the steps of a sample
"""

TREES = """
   layer      output  parameters  multiply-adds      activations
0  Embedding  (M, 6)          60              0         24 B × M
1  Recursive  (M, 6)          78      36 M - 36         24 B × M
2  Recursive  (6,)           546    270 M - 270             24 B
3  Dense      (2,)            14             12              8 B
   total                     698    306 M - 294  48 B × M + 32 B
parameters: 2.8 kB (float32)
M: the nodes of a sample
"""


def nested():
    net = Sequential(
        [
            Sequential([layers.Dense(12), layers.BatchNorm()]),
            layers.Residual([layers.Dense(6), layers.Residual([layers.LayerNorm()]), layers.Dense(12)]),
            layers.Parallel([[layers.Dense(3)], []]),
        ],
        input_shape=8,
        dtype="float64",
    )
    net.layers[0].trainable = False
    net.layers[1].layers[2].trainable = False
    return net


def of_any_length():
    inside = [
        layers.Embedding(30, 8),
        layers.PositionalEmbedding(40),
        layers.SelfAttention(2),
        layers.SelfAttention(2, causal=True),
        layers.Bidirectional(layers.RNN(5, return_sequences=True)),
        layers.LSTM(5),
        layers.Dense(3),
    ]
    return Sequential(inside, input_shape=(None,))


def of_trees():
    inside = [
        layers.Embedding(10, 6),
        layers.Recursive(6, return_nodes=True),
        layers.Recursive(6, composition="tensor"),
        layers.Dense(2),
    ]
    return Sequential(inside, input_shape=(None,))


@pytest.mark.parametrize(
    ("net", "text"),
    [(models.lenet5, LENET), (nested, NESTED), (of_any_length, ANY_LENGTH), (of_trees, TREES)],
)
def test_text(net, text, capsys):
    net().summary()
    assert capsys.readouterr().out == text[1:]


NO_PRODUCTS = (
    layers.BatchNorm,
    layers.GroupNorm,
    layers.LayerNorm,
    layers.Embedding,
    layers.PeriodicEmbedding,
    layers.PositionalEmbedding,
)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_table_adds_up(case):
    net = Sequential([case.make()], input_shape=case.shape_in_network)
    summary = Summary(net)
    parts = summary.outline.whole.all()
    leaves = [part for part in parts if not part.branches]
    assert sum(part.parameter_count for part in leaves) == net.parameters.size
    assert len({part.name for part in parts}) == len(parts)
    for part in leaves:
        assert (part.multiply_adds != Count()) == bool(part.layer.params and not isinstance(part.layer, NO_PRODUCTS))
        assert all(name in net.params for name in (f"{part.name}.{own}" for own in part.layer.params))
    table = summary.text().splitlines()
    assert [row.split()[0] for row in table[1 : len(parts)]] == [part.name for part in parts[1:]]
    assert len({len(row) for row in table[: len(parts) + 1] if row.endswith(("B", "s", "T", "M"))}) == 1


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (lambda: [layers.Dense(9, "gelu"), layers.LSTM(7, return_sequences=True), layers.Dense(2)], 11),
        (lambda: [layers.SelfAttention(1), layers.SelfAttention(3, causal=True), layers.GRU(4), layers.Dense(2)], 11),
        (lambda: [layers.Residual([layers.RNN(6, return_sequences=True)]), layers.Bidirectional(layers.GRU(2))], 5),
    ],
)
def test_unknown_steps_as_known_ones(make, steps):
    """What is told for T steps is, for any T, what is told where T is known."""

    def total(length):
        parts = Summary(Sequential(make(), input_shape=(length, 6))).outline.whole.all()
        return sum([part.multiply_adds for part in parts], Count()), sum([part.numbers for part in parts], Count())

    for known, unknown in zip(total(steps), total(None), strict=True):
        assert known.per_step == known.per_pair == 0
        assert known.once == unknown.once + unknown.per_step * steps + unknown.per_pair * steps**2


def test_multiply_adds_of_products():
    """A weight is used once a step, or once at each place of the image."""
    net = Sequential(
        [
            layers.Conv2D(6, (3, 2), stride=2, padding="same", groups=2, activation="gelu"),
            layers.MeanPool2D(2),
            layers.Flatten(),
            layers.Dense(5, "softmax"),
        ],
        input_shape=(4, 9, 8),
    )
    for layer, part in zip(net.layers, Summary(net).outline.whole.children(), strict=True):
        places = np.prod(layer.output_shape[1:]) if len(layer.output_shape) == 3 else 1
        assert part.multiply_adds == Count(int(places) * layer.params["weight"].size if layer.params else 0)
        assert part.numbers == Count(np.prod(layer.output_shape))


def test_a_stride_takes_steps():
    """Where T is not known, what comes behind a stride has a part of the steps."""
    made = getattr(layers, "Conv1D", None)
    if made is None:
        pytest.skip("no layer with a stride takes sequences yet")
    net = Sequential([made(4, 3, stride=2), layers.Dense(8)], input_shape=(None, 5))
    first, second = Summary(net).outline.whole.children()
    assert first.multiply_adds == Count(per_step=3 * 5 * 4 / 2)
    assert second.multiply_adds == Count(per_step=4 * 8 / 2)


def test_bytes():
    given = {
        0: "0 B",
        999: "999 B",
        1000: "1.0 kB",
        246_824: "246.8 kB",
        1.5e6: "1.5 MB",
        2e9: "2.0 GB",
        2e12: "2,000.0 GB",
    }
    assert {size: bytes_text(size) for size in given} == given


def test_an_unbuilt_network_has_none():
    with pytest.raises(RuntimeError, match="Sequential must be built before use"):
        Sequential([layers.Dense(3)]).summary()


class Highway(layers.Container):
    """A container of one's own: a gate times what a chain gives."""

    def __init__(self, inner, gate):
        super().__init__()
        self.inner, self.gate = inner, gate

    def named_layers(self):
        return {"inner": self.inner, "gate": self.gate}

    def operations(self, x):
        return layers.merged([x.then(self.inner), x.then(self.gate)], "product")


class Odd(Highway):
    """One whose wiring is neither a chain nor branches."""

    def operations(self, x):
        y = x.then(self.inner)
        return layers.merged([y.then(self.gate), y], "sum").then("activation", activation="relu", setting=0)


def test_containers_of_ones_own():
    net = Sequential(
        [Highway(layers.Dense(4), layers.Dense(4, "sigmoid")), Odd(layers.Dense(4), layers.Dense(4))], input_shape=4
    )
    highway, odd = Summary(net).outline.whole.children()
    assert (highway.wiring, [[part.name for part in branch] for branch in highway.branches]) == (
        "product",
        [["0.inner"], ["0.gate"]],
    )
    assert (odd.wiring, [[part.name for part in branch] for branch in odd.branches]) == (
        "apart",
        [["1.inner", "1.gate"]],
    )
    assert sum(part.parameter_count for part in (*highway.children(), *odd.children())) == net.parameters.size
