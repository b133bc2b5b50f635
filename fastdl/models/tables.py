"""The network for tables: numbers and their periodic embeddings, vectors of categories, residual blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.kinds import MOST_DROPPED
from .._validation.values import as_int, as_number
from ..layers import (
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Parallel,
    PeriodicEmbedding,
    Residual,
    RobustScaling,
    Select,
)
from ..layers.container import walk
from ..sequential import Sequential

_MOST_DIMENSIONS = 8  # of the vector that stands for a category
# Factors of initial parameters. With small last weights the first outputs are nearly the same for all samples.
_CATEGORIES_AT_FIRST = 0.3
_ANSWERS_AT_FIRST = 0.1


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
    """Make a network for tables: numbers, their periodic embeddings and vectors of categories, then residual blocks.

    Numbers are scaled robustly, with constants that `Sequential.adapt` takes from the data. Each stands beside its
    periodic embedding (Gorishniy, Rubachev and Babenko 2022; Holzmüller, Grinsztajn and Steinwart 2024).

    Parameters
    ----------
    features, outputs : int
        The number of columns of the table, and of outputs.
    categories : mapping of int to int, optional
        The columns that hold categories, as integers from 0 on, and the number of categories of each: the
        ``cardinalities`` of a `TableEncoder`. Category 0 stands for unknown ones.
    units, blocks : int
        The units of the hidden layers; the number of residual blocks, each of two of these layers, at least 0.
    frequencies : int
        The number of cosines of each number.
    dropout : float
        The rate of the dropout within the blocks.
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
    last.params["weight"] *= _ANSWERS_AT_FIRST
    start_categories(columns)
    return net


def embedded_columns(features: int, categories: Mapping[int, int] | None, of_numbers: Sequence[Layer] = ()) -> Parallel:
    """Make a layer that puts a vector for each category beside the outputs of layers for the numbers.

    Parameters
    ----------
    features, categories
        As for `tabular`.
    of_numbers : sequence of Layer
        The layers for the other columns.
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
    """Set the initial vectors of categories: small, and zero for unknown ones."""
    for _, layer in walk(columns):
        if isinstance(layer, Embedding):
            layer.params["weight"] *= _CATEGORIES_AT_FIRST
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
