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
    """Make a language model of stateful recurrent layers: logits of the token after each step.

    Parameters
    ----------
    vocabulary : int
        The number of tokens.
    cell : {"rnn", "lstm", "gru"}
    units, layers : int
        The units of each recurrent layer, and the number of these layers.
    dropout : float
        The rate of the dropout after each recurrent layer.
    dim : int
        The size of the vectors that stand for tokens.
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
_AT_FIRST = 0.2  # the initial size of both tokens' and positions' vectors, so that attention depends on both
_LONGEST_WAVE = 10_000  # of the sines of positions, in steps for each radian


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
    """Make a language model of causal attention (Radford et al. 2019): logits of the token after each step.

    Each block is attention and two dense layers. The vectors of positions are learned; at first they are sines and
    cosines (Vaswani et al. 2017).

    Parameters
    ----------
    vocabulary : int
        The number of tokens.
    steps : int
        The most steps that a sequence may have.
    units : int
        The number of features of a step; between the two dense layers there are four times as many.
    layers, heads : int
        The number of blocks, and of heads of attention in each.
    dropout : float
        The rate of the dropout after the embedding, the attention and the dense layers.
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
    """Return sines and cosines of many wavelengths at each step."""
    feature = np.arange(features)
    angles = np.arange(steps)[:, None] * _LONGEST_WAVE ** (-(feature - feature % 2) / features)
    waves: Array = np.where(feature % 2, np.cos(angles), np.sin(angles))
    return waves
