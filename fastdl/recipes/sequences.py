"""Recipes for language models: recurrent layers, and a transformer."""

from __future__ import annotations

from .. import models
from .._validation.values import as_int, as_number
from ..optimizers import Adam, AdamW
from ..schedules import cosine
from .recipe import Recipe, steps_per_epoch


def language_model(
    samples: int,
    vocabulary: int,
    *,
    cell: str = "lstm",
    units: int = 512,
    layers: int = 1,
    dropout: float = 0.3,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 2e-3,
    clip_norm: float = 1.0,
    seed: int | None = None,
) -> Recipe:
    """Return a language model, with clipped gradients and a rate that falls to 0.

    Parameters
    ----------
    samples : int
        The number of windows in an epoch, over all streams.
    vocabulary : int
        The number of tokens.
    cell, units, layers, dropout
        As for `models.language_model`.
    epochs, batch_size : int
        The latter is the number of streams.
    lr : float
        The highest rate.
    clip_norm : float
        The largest norm of a gradient; 0 for no limit.
    seed : int, optional
    """
    batches = as_int(samples, "samples") // as_int(batch_size, "batch_size")
    if batches < 1:
        raise ValueError(f"samples must be as many as batch_size at least, {batch_size}; received {samples}")
    steps, limit = as_int(epochs, "epochs") * batches, as_number(clip_norm, "clip_norm") or None
    return Recipe(
        models.language_model(vocabulary, cell=cell, units=units, layers=layers, dropout=dropout, seed=seed),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "shuffle": False,
            "loss": "cross_entropy",
            "optimizer": Adam(cosine(lr, steps, warmup=min(100, steps // 10)), clip_norm=limit),
        },
    )


def transformer(
    samples: int,
    vocabulary: int,
    steps: int,
    *,
    units: int = 128,
    layers: int = 4,
    heads: int = 4,
    dropout: float = 0.1,
    epochs: int = 10,
    batch_size: int = 8,
    lr: float = 2e-3,
    clip_norm: float = 1.0,
    seed: int | None = None,
) -> Recipe:
    """Return a transformer, with clipped gradients and a rate that falls to 0.

    Parameters
    ----------
    samples : int
        The number of windows in an epoch.
    vocabulary, steps, units, layers, heads, dropout
        As for `models.transformer`.
    epochs, batch_size : int
    lr : float
        The highest rate.
    clip_norm : float
        The largest norm of a gradient; 0 for no limit.
    seed : int, optional
    """
    total = as_int(epochs, "epochs") * steps_per_epoch(samples, batch_size)
    limit = as_number(clip_norm, "clip_norm") or None
    return Recipe(
        models.transformer(vocabulary, steps, units=units, layers=layers, heads=heads, dropout=dropout, seed=seed),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "loss": "cross_entropy",
            "optimizer": AdamW(
                cosine(lr, total, warmup=min(100, total // 10)), betas=(0.9, 0.99), weight_decay=0.1, clip_norm=limit,
                decay_biases=False,
            ),
        },
    )  # fmt: skip
