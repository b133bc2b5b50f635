"""The networks of articles 3 and 4, which read digits: dense layers, and LeNet-5."""

from __future__ import annotations

from collections.abc import Sequence

from .._types import ShapeLike
from .._validation.shapes import as_shape
from .._validation.values import as_choice, as_int
from ..layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, MeanPool2D, RandomShift
from ..layers.activation import as_activation
from ..sequential import Sequential

_LEAST_PIXELS = 12  # rows and columns, so that one is left after LeNet-5's kernels and pools


def lenet5(
    *,
    input_shape: ShapeLike = (1, 28, 28),
    classes: int = 10,
    activation: str = "relu",
    pooling: str = "max",
    shift: int = 0,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """LeNet-5 (LeCun et al. 1998; article 4), with 61,706 parameters for images (1, 28, 28) and ten classes.

    Parameters
    ----------
    input_shape : (int, int, int)
        (C, H, W), at least 12 x 12 pixels.
    classes : int
    activation : str
        The activation of the hidden layers.
    pooling : {"max", "mean"}
    shift : int
        In training, images are shifted at random by up to this many pixels each way.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
        The last layer gives logits (N, classes).
    """
    as_choice(pooling, "pooling", ("max", "mean"))
    shape = as_shape(input_shape)
    if len(shape) != 3 or min(shape[1:]) < _LEAST_PIXELS:
        raise ValueError(
            f"input_shape must be (C, H, W) of at least {_LEAST_PIXELS} x {_LEAST_PIXELS} pixels; received {shape}"
        )
    pool = MaxPool2D if pooling == "max" else MeanPool2D
    shifts: list[Layer] = [RandomShift(shift)] if as_int(shift, "shift", least=0) else []
    return Sequential(
        [
            *shifts,
            Conv2D(6, 5, padding=2, activation=activation),
            pool(2),
            Conv2D(16, 5, activation=activation),
            pool(2),
            Flatten(),
            Dense(120, activation),
            Dense(84, activation),
            Dense(as_int(classes, "classes")),
        ],
        input_shape=shape,
        dtype=dtype,
        seed=seed,
    )


def mlp(
    sizes: Sequence[int] = (784, 300, 10),
    *,
    activation: str = "relu",
    output: str | None = None,
    input_shape: ShapeLike | None = None,
    seed: int | None = None,
    dtype: str = "float32",
) -> Sequential:
    """Fully connected layers, by default 784-300-10, the sizes of article 3.

    Parameters
    ----------
    sizes : sequence of int
        The number of features of the input and of every layer.
    activation : str
        The activation of the hidden layers.
    output : str, optional
        The activation of the last layer; by default none, so that it gives logits.
    input_shape : tuple of int, optional
        The shape of a sample, if it is an image of ``sizes[0]`` numbers: it is flattened first.
    seed : int, optional
    dtype : {"float32", "float64"}

    Returns
    -------
    Sequential
    """
    if not hasattr(sizes, "__len__") or len(sizes) < 2:
        raise ValueError(f"sizes must hold at least 2 numbers; received {sizes!r}")
    sizes = [as_int(n, "sizes") for n in sizes]
    as_activation(output, "output")
    hidden: list[Layer] = [Dense(n, activation) for n in sizes[1:-1]]
    shape = as_shape(sizes[0] if input_shape is None else input_shape)
    if None in shape:
        raise ValueError(f"input_shape must hold {sizes[0]} numbers; received {shape}")
    flatten: list[Layer] = [Flatten()] if len(shape) > 1 else []
    net = Sequential([*flatten, *hidden, Dense(sizes[-1], output)], input_shape=shape, dtype=dtype, seed=seed)
    features = net.layers[0].output_shape[0] if flatten else shape[0]
    if features != sizes[0]:
        raise ValueError(f"input_shape must hold {sizes[0]} numbers; received {shape}")
    return net
