"""Recursive networks: a classifier of the nodes of trees, and a parser (article 7)."""

from __future__ import annotations

from .._core.kinds import MOST_DROPPED
from .._validation.values import as_int, as_number
from ..layers import Dense, Dropout, Embedding, Layer, Recursive
from ..sequential import Sequential

_WORDS_AT_FIRST = 0.1  # a factor of words' initial vectors, which are small compared with learned ones


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
    """Make a classifier of the nodes of trees (article 7): an embedding, a recursive layer and a dense layer.

    Parameters
    ----------
    vocabulary, classes : int
        The number of words and of labels.
    composition : {"matrix", "tensor", "lstm"}
        As for `layers.Recursive`.
    units : int
        The size of the vectors of words and nodes.
    word_dropout, node_dropout : float
        The rates of the dropout before and after the recursive layer.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        x (M,), y (M, classes): logits of each node's label.
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
    net.params["0.weight"] *= _WORDS_AT_FIRST
    return net


def tree_parser(
    vocabulary: int,
    *,
    composition: str = "matrix",
    units: int = 100,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Make a parser for `fastdl.trees.parsing` (article 7): an embedding, a recursive layer and a score for every node.

    Parameters
    ----------
    vocabulary : int
        The number of words.
    composition : {"matrix", "tensor", "lstm"}
        As for `layers.Recursive`.
    units : int
        The size of the vectors of words and nodes.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        x (M,), y (M, 1): the score of each node.
    """
    units = as_int(units, "units")
    layers: list[Layer] = [
        Embedding(vocabulary, units), Recursive(units, composition=composition, return_nodes=True), Dense(1),
    ]  # fmt: skip
    net = Sequential(layers, input_shape=(None,), seed=seed, dtype=dtype)
    net.params["0.weight"] *= _WORDS_AT_FIRST
    return net
