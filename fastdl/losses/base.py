"""What every loss is: how targets are to be, and what training lowers."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from .._types import Array


class Measured(NamedTuple):
    """What a loss says of some rows of outputs: their mean loss, its gradient (rows, F), and how many rows hit."""

    mean: float
    gradient: Array
    hits: int


class Loss:
    """A number for each row of outputs, which training lowers the mean of.

    It may be called as a function of a user's own is: ``loss(outputs, targets)`` gives the values (N,) and the gradient
    of their sum (N, F).
    """

    takes_logits: ClassVar[bool] = False  # whether a softmax at the network's end is left out
    is_fused: ClassVar[bool] = False  # whether the core has it

    def __call__(self, outputs: Any, targets: Any) -> tuple[Array, Array]:
        """Give the loss of each row, (N,) or (N, T), and the gradient of their sum, of the outputs' shape."""
        raise NotImplementedError(f"{type(self).__name__} must be called on outputs and targets")

    def as_targets(self, y: Any, name: str, outputs: tuple[int, ...], dtype: str, there: Any = ...) -> Array:
        """Check what outputs of this shape are compared with: int64 labels, without the last axis, or numbers.

        Labels of rows that are not ``there`` become 0.
        """
        raise NotImplementedError(f"{type(self).__name__} must check targets")

    def check_outputs(self, shape: tuple[int, ...]) -> None:
        """Check that a network that gives samples of this shape can be trained by it."""

    def tell_classes(self, targets: Array) -> bool:
        """Tell whether targets, of rows that count, are classes, which outputs hit or miss."""
        if targets.shape[-1] == 1:
            return False
        ones = targets == 1
        return bool((ones.sum(axis=-1) == 1).all() and (ones | (targets == 0)).all())

    def measure(self, outputs: Array, targets: Array, weights: Array | None = None) -> Measured:
        """Measure checked rows (N, F). Weights multiply each row's loss; the mean is over the rows all the same."""
        raise NotImplementedError(f"{type(self).__name__} must measure rows")

    def get_config(self) -> Any:
        """Give it as plain data, which `from_config` takes back.

        Raises
        ------
        TypeError
            If it is not fastdl's.
        """
        raise TypeError(f"loss must be one of fastdl.losses to be saved; received {self!r}")


def check_samples(array: Array, name: str, outputs: tuple[int, ...]) -> None:
    """Check that targets are as many as outputs."""
    if array.ndim == 0 or len(array) != outputs[0]:
        raise ValueError(f"{name} must have as many samples as x, {outputs[0]}; received shape {array.shape}")
