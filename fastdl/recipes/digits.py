"""Recipes for the networks that read digits: LeNet-5 and dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .. import models
from .._types import ShapeLike
from .._validation.shapes import as_shape
from .._validation.values import as_int, as_list
from ..optimizers import SGD
from ..schedules import cosine
from .recipe import Recipe, steps_per_epoch


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
    """Return LeNet-5, trained on images shifted by up to a pixel, with a rate that warms up over an epoch.

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
    steps, epochs = steps_per_epoch(samples, batch_size), as_int(epochs, "epochs")
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
    """Return article 3's 784-300-10, or other sizes, with relu and cross-entropy.

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
    steps, shape = as_int(epochs, "epochs") * steps_per_epoch(samples, batch_size), as_shape(input_shape)
    if None in shape:
        raise ValueError(f"input_shape must be (C, H, W); received {shape}")
    return Recipe(
        models.mlp(
            (prod(shape), *as_list(hidden, "hidden", "sizes"), as_int(classes, "classes")),
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
