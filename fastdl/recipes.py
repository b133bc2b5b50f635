"""How to train the ready-made networks on MNIST and on text: chosen by experiment on held-out data, see bench/."""

from __future__ import annotations

from typing import Any, NamedTuple

from . import models
from .model import Sequential
from .optimizers import SGD, Adam
from .schedules import cosine


class Recipe(NamedTuple):
    """A network and the arguments of its `fit`."""

    net: Sequential
    arguments: dict[str, Any]


def lenet5(
    samples: int, *, epochs: int = 10, batch_size: int = 32, lr: float = 0.05, seed: int | None = None
) -> Recipe:
    """Give LeNet-5, which sees every image shifted by up to a pixel, and a rate that warms up over an epoch.

    Parameters
    ----------
    samples : int
        How many it will be trained on in an epoch.
    epochs, batch_size : int
    lr : float
        The highest rate.
    seed : int, optional
    """
    steps = -(-samples // batch_size)
    schedule = cosine(lr, epochs * steps, warmup=min(steps, epochs * steps // 4))
    return Recipe(
        models.lenet5(seed=seed, shift=1),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "loss": "cross_entropy",
            "optimizer": SGD(schedule, momentum=0.9, weight_decay=1e-3),
        },
    )


def mlp(samples: int, *, epochs: int = 10, batch_size: int = 32, lr: float = 0.05, seed: int | None = None) -> Recipe:
    """Give article 3's 784-300-10, with relu and cross-entropy.

    Parameters
    ----------
    samples : int
        How many it will be trained on in an epoch.
    epochs, batch_size : int
    lr : float
        The highest rate.
    seed : int, optional
    """
    steps = epochs * -(-samples // batch_size)
    return Recipe(
        models.mlp(activation="relu", output=None, input_shape=(1, 28, 28), seed=seed),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "loss": "cross_entropy",
            "optimizer": SGD(cosine(lr, steps, warmup=steps // 10), momentum=0.9, weight_decay=1e-4),
        },
    )


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
    """Give a language model, its gradients kept to a norm, and a rate that falls to nothing.

    Parameters
    ----------
    vocabulary : int
        How many tokens there are.
    windows : int
        How many it will be trained on in an epoch, of all streams together.
    cell, units, layers, dropout
        As of `models.language_model`.
    epochs, batch_size : int
        The latter is the number of streams.
    lr : float
        The highest rate.
    clip : float
        The largest norm of a gradient.
    seed : int, optional
    """
    steps = epochs * (windows // batch_size)
    return Recipe(
        models.language_model(vocabulary, cell=cell, units=units, layers=layers, dropout=dropout, seed=seed),
        {
            "epochs": epochs,
            "batch_size": batch_size,
            "shuffle": False,
            "loss": "cross_entropy",
            "optimizer": Adam(cosine(lr, steps, warmup=min(100, steps // 10)), clip_norm=clip),
        },
    )
