"""Language models: recurrent layers, and a transformer."""

from __future__ import annotations

import numpy as np

from .._core.kinds import MOST_DROPPED
from .._types import Array
from .._validation.values import as_choice, as_int, as_number
from ..layers import (
    GRU,
    LSTM,
    RNN,
    Dense,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    PositionalEmbedding,
    Residual,
    SelfAttention,
)
from ..sequential import Sequential

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
_AT_FIRST = 0.2  # size of the tokens' vectors and of the waves that tell places: the same, so that attention sees both
_LONGEST_WAVE = 10_000  # the longest of these waves, in steps for each radian


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
