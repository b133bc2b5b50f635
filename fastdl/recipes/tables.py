"""The recipe for the network for tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import models
from .._validation.values import as_flag, as_int
from ..losses import CrossEntropy, SquaredError
from ..optimizers import AdamW
from ..schedules import cosine
from .recipe import Recipe, steps_per_epoch

_EPOCHS = 20  # of a network for tables
_LARGEST_BATCH, _SMALLEST_BATCH, _PARTS = 64, 16, 8  # a batch is an eighth of a table, within these bounds
TABULAR_LOSS = CrossEntropy(label_smoothing=0.05)  # if targets are classes


def tabular(
    samples: int,
    features: int,
    outputs: int,
    *,
    categories: Mapping[int, int] | None = None,
    regression: bool = False,
    units: int = 64,
    blocks: int = 1,
    epochs: int = _EPOCHS,
    batch_size: int | None = None,
    lr: float = 5e-3,
    seed: int | None = None,
) -> Recipe:
    """Return a network for tables, with a rate that falls to 0. Call its `adapt` on the samples before training.

    Parameters
    ----------
    samples : int
        The number of samples in an epoch.
    features, outputs, categories, units, blocks
        As for `models.tabular`.
    regression : bool
        Whether targets are numbers, best of mean 0 and variance 1, rather than classes.
    epochs : int
    batch_size : int, optional
        By default an eighth of the samples, from 16 to 64.
    lr : float
        The highest rate.
    seed : int, optional
    """
    loss = SquaredError() if as_flag(regression, "regression") else TABULAR_LOSS
    return Recipe(
        models.tabular(features, outputs, categories=categories, units=units, blocks=blocks, seed=seed),
        {"loss": loss, **tabular_training(samples, epochs=epochs, batch_size=batch_size, lr=lr)},
    )


def tabular_training(
    samples: int, *, epochs: int = _EPOCHS, batch_size: int | None = None, lr: float = 5e-3
) -> dict[str, Any]:
    """Return the settings of training for the network for tables, whatever its loss.

    Parameters
    ----------
    samples, epochs, batch_size, lr
        As for `tabular`.

    Returns
    -------
    dict
        The epochs, the batch size and the optimizer.
    """
    if batch_size is None:
        batch_size = min(_LARGEST_BATCH, max(_SMALLEST_BATCH, as_int(samples, "samples") // _PARTS))
    steps = as_int(epochs, "epochs") * steps_per_epoch(samples, batch_size)
    optimizer = AdamW(cosine(lr, steps, warmup=steps // 10), weight_decay=0.1, decay_biases=False)
    return {"epochs": epochs, "batch_size": batch_size, "optimizer": optimizer}
