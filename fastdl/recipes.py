"""Recipes to train the networks of `models`, each under its name; chosen by experiment on held-out data (bench/)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from . import models
from ._types import ShapeLike
from ._validation.shapes import as_shape
from ._validation.values import as_choice, as_flag, as_int, as_number
from .losses import CrossEntropy, SquaredError
from .optimizers import SGD, Adam, AdamW
from .schedules import cosine
from .sequential import Sequential

__all__ = [
    "Recipe",
    "language_model",
    "lenet5",
    "mlp",
    "tabular",
    "tabular_training",
    "transformer",
    "tree_classifier",
    "tree_parser",
]


class Recipe(NamedTuple):
    """A network and the arguments of its `fit`."""

    net: Sequential
    arguments: dict[str, Any]


def _batches(samples: Any, batch_size: Any, name: str = "samples") -> int:
    """Give the number of batches for this number of samples."""
    return -(-as_int(samples, name) // as_int(batch_size, "batch_size"))


def lenet5(
    samples: int,
    *,
    input_shape: ShapeLike = (1, 28, 28),
    classes: int = 10,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 0.05,
    seed: int | None = None,
) -> Recipe:
    """Give LeNet-5, trained on images shifted by up to a pixel, with a rate that warms up over an epoch.

    Parameters
    ----------
    samples : int
        The number of samples in an epoch.
    input_shape : (int, int, int)
        (C, H, W).
    classes : int
    epochs, batch_size : int
    lr : float
        The highest rate.
    seed : int, optional
    """
    steps, epochs = _batches(samples, batch_size), as_int(epochs, "epochs")
    schedule = cosine(lr, epochs * steps, warmup=min(steps, epochs * steps // 4))
    return Recipe(
        models.lenet5(input_shape=input_shape, classes=classes, seed=seed, shift=1),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "loss": "cross_entropy",
            "optimizer": SGD(schedule, momentum=0.9, weight_decay=1e-3),
        },
    )


def mlp(
    samples: int,
    *,
    input_shape: ShapeLike = (1, 28, 28),
    classes: int = 10,
    hidden: Sequence[int] = (300,),
    activation: str = "relu",
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 0.05,
    seed: int | None = None,
) -> Recipe:
    """Give article 3's 784-300-10, or other sizes, with relu and cross-entropy.

    Parameters
    ----------
    samples : int
        The number of samples in an epoch.
    input_shape : (int, int, int)
        (C, H, W).
    classes : int
    hidden : sequence of int
        The sizes of the hidden layers.
    activation : str
        The activation of the hidden layers.
    epochs, batch_size : int
    lr : float
        The highest rate.
    seed : int, optional
    """
    steps, shape = as_int(epochs, "epochs") * _batches(samples, batch_size), as_shape(input_shape)
    if None in shape:
        raise ValueError(f"input_shape must be (C, H, W); received {shape}")
    return Recipe(
        models.mlp(
            (prod(shape), *hidden, as_int(classes, "classes")),
            activation=activation,
            output=None,
            input_shape=shape,
            seed=seed,
        ),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "loss": "cross_entropy",
            "optimizer": SGD(cosine(lr, steps, warmup=steps // 10), momentum=0.9, weight_decay=1e-4),
        },
    )


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
    """Give a network for tables, with a rate that falls to 0. Call its `adapt` on the samples before training.

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
    """Give the settings of training for the network for tables, whatever its loss.

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
    steps = as_int(epochs, "epochs") * _batches(samples, batch_size)
    optimizer = AdamW(cosine(lr, steps, warmup=steps // 10), weight_decay=0.1, decay_biases=False)
    return {"epochs": epochs, "batch_size": batch_size, "optimizer": optimizer}


def language_model(
    vocabulary: int,
    windows: int,
    *,
    cell: str = "lstm",
    units: int = 512,
    layers: int = 1,
    dropout: float = 0.3,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 2e-3,
    clip: float = 1.0,
    seed: int | None = None,
) -> Recipe:
    """Give a language model, with clipped gradients and a rate that falls to 0.

    Parameters
    ----------
    vocabulary : int
        The number of tokens.
    windows : int
        The number of windows in an epoch, over all streams.
    cell, units, layers, dropout
        As for `models.language_model`.
    epochs, batch_size : int
        The latter is the number of streams.
    lr : float
        The highest rate.
    clip : float
        The largest norm of a gradient; 0 for no limit.
    seed : int, optional
    """
    batches = as_int(windows, "windows") // as_int(batch_size, "batch_size")
    if batches < 1:
        raise ValueError(f"windows must be as many as batch_size at least, {batch_size}; received {windows}")
    steps, limit = as_int(epochs, "epochs") * batches, as_number(clip, "clip") or None
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
    vocabulary: int,
    steps: int,
    windows: int,
    *,
    units: int = 128,
    layers: int = 4,
    dropout: float = 0.1,
    epochs: int = 10,
    batch_size: int = 8,
    lr: float = 2e-3,
    clip: float = 1.0,
    seed: int | None = None,
) -> Recipe:
    """Give a transformer, with clipped gradients and a rate that falls to 0.

    Parameters
    ----------
    vocabulary, steps : int
        As for `models.transformer`.
    windows : int
        The number of windows in an epoch.
    units, layers, dropout
        As for `models.transformer`.
    epochs, batch_size : int
    lr : float
        The highest rate.
    clip : float
        The largest norm of a gradient; 0 for no limit.
    seed : int, optional
    """
    total, limit = as_int(epochs, "epochs") * _batches(windows, batch_size, "windows"), as_number(clip, "clip") or None
    return Recipe(
        models.transformer(vocabulary, steps, units=units, layers=layers, dropout=dropout, seed=seed),
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


class TreeDefaults(NamedTuple):
    """The best settings for a composition."""

    units: int
    word_dropout: float
    node_dropout: float
    epochs: int


BY_COMPOSITION = {
    "matrix": TreeDefaults(50, 0.4, 0.2, 12),
    "tensor": TreeDefaults(30, 0.4, 0.0, 15),
    "lstm": TreeDefaults(100, 0.4, 0.3, 8),
}


def tree_classifier(
    vocabulary: int,
    classes: int,
    trees: int,
    *,
    composition: str = "lstm",
    units: int | None = None,
    epochs: int | None = None,
    batch_size: int = 25,
    lr: float = 2e-3,
    seed: int | None = None,
) -> Recipe:
    """Give a classifier of the nodes of trees, with a rate that falls to 0.

    Parameters
    ----------
    vocabulary, classes : int
        The number of words and of labels.
    trees : int
        The number of trees in an epoch.
    composition : {"matrix", "tensor", "lstm"}
    units, epochs : int, optional
        By default those that suit the composition.
    batch_size : int
    lr : float
        The highest rate.
    seed : int, optional
    """
    as_choice(composition, "composition", BY_COMPOSITION)
    usual = BY_COMPOSITION[composition]
    epochs = usual.epochs if epochs is None else epochs
    steps = as_int(epochs, "epochs") * _batches(trees, batch_size, "trees")
    return Recipe(
        models.tree_classifier(
            vocabulary, classes, composition=composition, units=usual.units if units is None else units,
            word_dropout=usual.word_dropout, node_dropout=usual.node_dropout, seed=seed,
        ),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "loss": "cross_entropy",
            "optimizer": Adam(cosine(lr, steps, warmup=min(100, steps // 10))),
        },
    )  # fmt: skip


def tree_parser(
    vocabulary: int,
    trees: int,
    *,
    composition: str = "matrix",
    units: int = 100,
    penalty: float = 0.1,
    weight_decay: float = 1e-6,
    beam: int = 1,
    epochs: int = 10,
    batch_size: int = 25,
    lr: float = 1e-3,
    seed: int | None = None,
) -> Recipe:
    """Give a parser, and the arguments of `trees.parsing.fit_parser`.

    Parameters
    ----------
    vocabulary : int
        The number of words.
    trees : int
        The number of trees in an epoch.
    composition, units
        As for `models.tree_parser`.
    penalty : float
        The margin for each node that is not in the right tree.
    weight_decay : float
    beam, epochs, batch_size : int
    lr : float
        The highest rate.
    seed : int, optional
    """
    steps = as_int(epochs, "epochs") * _batches(trees, batch_size, "trees")
    return Recipe(
        models.tree_parser(vocabulary, units=units, composition=composition, seed=seed),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "penalty": penalty,
            "beam": beam,
            "optimizer": Adam(cosine(lr, steps, warmup=min(100, steps // 10)), weight_decay=weight_decay),
        },
    )
