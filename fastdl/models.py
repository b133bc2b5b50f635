"""Ready-made networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._types import Array, ShapeLike
from ._validation.shapes import as_shape
from ._validation.values import as_choice, as_int, as_number
from .layers import (
    GRU,
    LSTM,
    RNN,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    MaxPool2D,
    MeanPool2D,
    Parallel,
    PeriodicEmbedding,
    PositionalEmbedding,
    RandomShift,
    Recursive,
    Residual,
    RobustScaling,
    Select,
    SelfAttention,
)
from .layers.activation import as_activation
from .layers.container import walk
from .layers.dropout import MOST_DROPPED
from .sequential import Sequential

__all__ = ["language_model", "lenet5", "mlp", "tabular", "transformer", "tree_classifier", "tree_parser"]

_LEAST = 12  # rows and columns of which LeNet-5's kernels and poolings leave one


def lenet5(
    *,
    input_shape: ShapeLike = (1, 28, 28),
    classes: int = 10,
    seed: int | None = None,
    dtype: str = "float32",
    activation: str = "relu",
    pooling: str = "max",
    shift: int = 0,
) -> Sequential:
    """LeNet-5, of 61,706 parameters for images (1, 28, 28) and ten classes (LeCun et al. 1998; article 4).

    Parameters
    ----------
    input_shape : (int, int, int)
        (C, H, W), of at least 12 x 12 pixels.
    classes : int
    seed : int, optional
    dtype : {"float32", "float64"}
    activation : str
        Of the hidden layers.
    pooling : {"max", "mean"}
    shift : int
        In training, images are moved by up to that many pixels each way.

    Returns
    -------
    Sequential
        The last layer gives logits (N, classes).
    """
    as_choice(pooling, "pooling", ("max", "mean"))
    shape = as_shape(input_shape)
    if len(shape) != 3 or min(shape[1:]) < _LEAST:
        raise ValueError(f"input_shape must be (C, H, W) of at least {_LEAST} x {_LEAST} pixels; received {shape}")
    pool = MaxPool2D if pooling == "max" else MeanPool2D
    shifts: list[Layer] = [RandomShift(shift)] if as_int(shift, "shift", least=0) else []
    return Sequential(
        [
            *shifts,
            Conv2D(6, 5, padding=2, activation=activation),
            pool(2),
            Conv2D(16, 5, activation=activation),
            pool(2),
            Flatten(),
            Dense(120, activation),
            Dense(84, activation),
            Dense(as_int(classes, "classes")),
        ],
        input_shape=shape,
        dtype=dtype,
        seed=seed,
    )


def mlp(
    sizes: Sequence[int] = (784, 300, 10),
    *,
    activation: str = "sigmoid",
    output: str | None = "sigmoid",
    input_shape: ShapeLike | None = None,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Fully connected layers, by default those of article 3: 784-300-10 with sigmoids.

    Parameters
    ----------
    sizes : sequence of int
        Features of the input and of every layer.
    activation : str
        Of the hidden layers.
    output : str, optional
        The activation of the last layer.
    input_shape : tuple of int, optional
        Of one sample where it is an image of ``sizes[0]`` numbers; it is flattened then.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
    """
    if not hasattr(sizes, "__len__") or len(sizes) < 2:
        raise ValueError(f"sizes must hold at least 2 numbers; received {sizes!r}")
    sizes = [as_int(n, "sizes") for n in sizes]
    as_activation(output, "output")
    hidden: list[Layer] = [Dense(n, activation) for n in sizes[1:-1]]
    shape = as_shape(sizes[0] if input_shape is None else input_shape)
    if None in shape:
        raise ValueError(f"input_shape must hold {sizes[0]} numbers; received {shape}")
    flatten: list[Layer] = [Flatten()] if len(shape) > 1 else []
    net = Sequential([*flatten, *hidden, Dense(sizes[-1], output)], input_shape=shape, dtype=dtype, seed=seed)
    features = net.layers[0].output_shape[0] if flatten else shape[0]
    if features != sizes[0]:
        raise ValueError(f"input_shape must hold {sizes[0]} numbers; received {shape}")
    return net


_MOST_DIMENSIONS = 8  # of the vectors that stand for categories,
_CATEGORIES = 0.3  # which start small, and that of unknown ones at zero;
_ANSWERS = 0.1  # so do the last weights: what the network first says is nearly the same of all


def tabular(
    features: int,
    outputs: int,
    *,
    categories: Mapping[int, int] | None = None,
    units: int = 64,
    blocks: int = 1,
    frequencies: int = 8,
    dropout: float = 0.3,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Give a network for tables: numbers and their cosines beside vectors of categories, and residual blocks.

    Numbers are scaled robustly, with constants that `Sequential.adapt` takes of the data, and embedded periodically
    beside themselves (Gorishniy, Rubachev and Babenko 2022; Holzmüller, Grinsztajn and Steinwart 2024).

    Parameters
    ----------
    features, outputs : int
        Columns of the table, and numbers that are asked for.
    categories : mapping of int to int, optional
        Columns that hold categories, as integers from 0 on, and how many of these there are: the ``cardinalities`` of a
        `TableEncoder`. Category 0 is that of unknown ones.
    units, blocks : int
        Of the hidden layers; of residual blocks of two such layers, 0 at least.
    frequencies : int
        How many cosines are made of each number.
    dropout : float
        Within the blocks.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        x (N, features), y (N, outputs), logits or numbers.
    """
    features, units = as_int(features, "features"), as_int(units, "units")
    rate = as_number(dropout, "dropout", high=MOST_DROPPED)
    of_numbers: list[Layer] = [RobustScaling(), Parallel([[], [PeriodicEmbedding(frequencies)]])]
    columns = embedded_columns(features, categories, of_numbers)
    hidden: list[Layer] = [
        Residual([LayerNorm(), _hidden(units), Dropout(rate), Dense(units)])
        for _ in range(as_int(blocks, "blocks", least=0))
    ]
    last = Dense(as_int(outputs, "outputs"))
    net = Sequential(
        [columns, _hidden(units), *hidden, LayerNorm(), last], input_shape=features, seed=seed, dtype=dtype
    )
    last.params["weight"] *= _ANSWERS
    start_categories(columns)
    return net


def embedded_columns(features: int, categories: Mapping[int, int] | None, of_numbers: Sequence[Layer] = ()) -> Parallel:
    """Give a layer that puts a vector for each category beside what layers make of the numbers.

    Parameters
    ----------
    features, categories
        As of `tabular`.
    of_numbers : sequence of Layer
        What reads the columns that are no categories.
    """
    counts = _counts(categories, features)
    branches: list[list[Layer]] = [
        [Select([column]), Embedding(count, min(_MOST_DIMENSIONS, (count + 1) // 2)), Flatten()]
        for column, count in counts.items()
    ]
    if numbers := [column for column in range(features) if column not in counts]:
        branches.append([Select(numbers), *of_numbers])
    return Parallel(branches)


def start_categories(columns: Parallel) -> None:
    """Let the vectors of categories start small, and those of unknown ones at zero, once they are built."""
    for _, layer in walk(columns):
        if isinstance(layer, Embedding):
            layer.params["weight"] *= _CATEGORIES
            layer.params["weight"][0] = 0


def _hidden(units: int) -> Dense:
    return Dense(units, "silu", initializer="he_normal")


def _counts(categories: Any, features: int) -> dict[int, int]:
    if categories is not None and not isinstance(categories, Mapping):
        raise TypeError(f"categories must be a mapping of columns to numbers of categories; received {categories!r}")
    given = dict(categories or {})
    columns = [as_int(column, "columns of categories", least=0, most=features - 1) for column in given]
    return {
        column: as_int(count, f"categories[{column}]") for column, count in zip(columns, given.values(), strict=True)
    }


CELLS: dict[str, type[RNN] | type[LSTM] | type[GRU]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def language_model(
    vocabulary: int,
    *,
    cell: str = "lstm",
    units: int = 512,
    layers: int = 1,
    dropout: float = 0.3,
    dim: int = 128,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Stateful recurrent layers between an embedding and a dense layer, which gives logits of each step's next token.

    Parameters
    ----------
    vocabulary : int
        How many tokens there are.
    cell : {"rnn", "lstm", "gru"}
    units, layers : int
        Of the recurrent layers, and how many of them.
    dropout : float
        After each recurrent layer.
    dim : int
        Of the vectors that stand for tokens.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        x (N, T), y (N, T, vocabulary).
    """
    as_choice(cell, "cell", CELLS)
    dropout = as_number(dropout, "dropout", high=MOST_DROPPED)
    recurrent: list[Layer] = []
    for _ in range(as_int(layers, "layers")):
        recurrent += [CELLS[cell](units, return_sequences=True, stateful=True), Dropout(dropout)]
    return Sequential(
        [Embedding(vocabulary, dim), *recurrent, Dense(vocabulary)], input_shape=(None,), seed=seed, dtype=dtype
    )


HEADS = 4  # of a transformer
_AT_FIRST = 0.2  # how large the vectors of tokens are, and the waves that tell places: as large, or attention sees none
_LONGEST_WAVE = 10_000  # of them, in steps for each radian


def transformer(
    vocabulary: int,
    steps: int,
    *,
    units: int = 128,
    layers: int = 4,
    heads: int = HEADS,
    dropout: float = 0.1,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Blocks of causal attention and a dense pair, which give logits of each step's next token (Radford et al. 2019).

    The vectors of places, which are learned, are waves at first (Vaswani et al. 2017).

    Parameters
    ----------
    vocabulary : int
        How many tokens there are.
    steps : int
        The most that a sequence may have.
    units : int
        Features of a step; the dense pair has four times as many between.
    layers, heads : int
        How many blocks, and heads of attention in each.
    dropout : float
        After the embedding, attention and the dense pair.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        x (N, T), y (N, T, vocabulary), T up to `steps`.
    """
    units, dropout = as_int(units, "units"), as_number(dropout, "dropout", high=MOST_DROPPED)
    if units % as_int(heads, "heads"):
        raise ValueError(f"heads must divide units, {units}; received {heads}")
    blocks: list[Layer] = []
    for _ in range(as_int(layers, "layers")):
        blocks += [
            Residual([LayerNorm(), SelfAttention(heads, causal=True), Dropout(dropout)]),
            Residual([LayerNorm(), Dense(4 * units, "gelu"), Dense(units), Dropout(dropout)]),
        ]
    net = Sequential(
        [
            Embedding(vocabulary, units),
            PositionalEmbedding(steps),
            Dropout(dropout),
            *blocks,
            LayerNorm(),
            Dense(vocabulary),
        ],
        input_shape=(None,),
        seed=seed,
        dtype=dtype,
    )
    tokens, places = net.params["0.weight"], net.params["1.weight"]
    tokens *= _AT_FIRST
    places[...] = _AT_FIRST * _waves(*places.shape)
    return net


def _waves(steps: int, features: int) -> Array:
    """Give each step a sine and a cosine of each of many lengths."""
    feature = np.arange(features)
    angles = np.arange(steps)[:, None] * _LONGEST_WAVE ** (-(feature - feature % 2) / features)
    waves: Array = np.where(feature % 2, np.cos(angles), np.sin(angles))
    return waves


_WORDS = 0.1  # what the vectors of words start with is small beside what they learn


def tree_classifier(
    vocabulary: int,
    classes: int,
    *,
    composition: str = "lstm",
    units: int = 100,
    word_dropout: float = 0.4,
    node_dropout: float = 0.3,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Give a recursive layer between an embedding and a dense layer: logits of each node's label (article 7).

    Parameters
    ----------
    vocabulary, classes : int
        How many words and labels there are.
    composition : {"matrix", "tensor", "lstm"}
        As of `layers.Recursive`.
    units : int
        Of the vectors of words and nodes.
    word_dropout, node_dropout : float
        Before the recursive layer and after it.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        x (M,), y (M, classes), of the nodes of trees.
    """
    units, classes = as_int(units, "units"), as_int(classes, "classes")
    before, after = (
        Dropout(as_number(rate, name, high=MOST_DROPPED))
        for rate, name in ((word_dropout, "word_dropout"), (node_dropout, "node_dropout"))
    )
    layers: list[Layer] = [
        Embedding(vocabulary, units), before,
        Recursive(units, composition=composition, return_nodes=True), after, Dense(classes),
    ]  # fmt: skip
    net = Sequential(layers, input_shape=(None,), seed=seed, dtype=dtype)
    net.params["0.weight"] *= _WORDS
    return net


def tree_parser(
    vocabulary: int,
    *,
    units: int = 50,
    composition: str = "matrix",
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Give a recursive layer between an embedding and a score of every node, for `fastdl.trees.parsing` (article 7).

    Parameters
    ----------
    vocabulary : int
        How many words there are.
    units : int
        Of the vectors of words and nodes.
    composition : str
        As of `layers.Recursive`.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        x (M,), y (M, 1), of the nodes of trees.
    """
    units = as_int(units, "units")
    layers: list[Layer] = [
        Embedding(vocabulary, units), Recursive(units, composition=composition, return_nodes=True), Dense(1),
    ]  # fmt: skip
    net = Sequential(layers, input_shape=(None,), seed=seed, dtype=dtype)
    net.params["0.weight"] *= _WORDS
    return net
