"""Recursive networks: what the nodes of a tree are, and which tree a sentence is (article 7)."""

from __future__ import annotations

from .._core.kinds import MOST_DROPPED
from .._validation.values import as_int, as_number
from ..layers import Dense, Dropout, Embedding, Layer, Recursive
from ..sequential import Sequential

_WORDS_AT_FIRST = 0.1  # a factor: small beside what the vectors of words will learn


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
    net.params["0.weight"] *= _WORDS_AT_FIRST
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
    net.params["0.weight"] *= _WORDS_AT_FIRST
    return net
