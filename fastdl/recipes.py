"""How to train the ready-made networks on MNIST: chosen by experiment on held-out training images, see bench/."""

from __future__ import annotations

from typing import Any, NamedTuple

from . import models
from .model import Sequential
from .optimizers import SGD
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
