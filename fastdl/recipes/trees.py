"""Recipes for recursive networks: a classifier of the nodes of trees, and a parser."""

from __future__ import annotations

from typing import NamedTuple

from .. import models
from .._validation.values import as_choice, as_int
from ..optimizers import Adam
from ..schedules import cosine
from .recipe import Recipe, steps_per_epoch


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
    samples: int,
    vocabulary: int,
    classes: int,
    *,
    composition: str = "lstm",
    units: int | None = None,
    epochs: int | None = None,
    batch_size: int = 25,
    lr: float = 2e-3,
    seed: int | None = None,
) -> Recipe:
    """Return a classifier of the nodes of trees, with a rate that falls to 0.

    Parameters
    ----------
    samples : int
        The number of trees in an epoch.
    vocabulary, classes : int
        The number of words and of labels.
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
    steps = as_int(epochs, "epochs") * steps_per_epoch(samples, batch_size)
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
    samples: int,
    vocabulary: int,
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
    """Return a parser, and the arguments of `trees.parsing.fit_parser`.

    Parameters
    ----------
    samples : int
        The number of trees in an epoch.
    vocabulary : int
        The number of words.
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
    steps = as_int(epochs, "epochs") * steps_per_epoch(samples, batch_size)
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
