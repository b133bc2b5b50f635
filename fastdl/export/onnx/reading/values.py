"""The values of an ONNX graph: constants, and numbers in the tensors of a network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ...._types import Array, Shape
from ....layers import Activation, Layer

_MOST = 1 << 24  # the most numbers of an array to make
_NEXT_TO = 1e-6  # relative rounding of factors and terms in float32


class UnreadableError(ValueError):
    """The graph is not a network of fastdl's layers."""


def check_size(*shape: int) -> None:
    """Check, before memory is taken, that an array is small enough for a small network."""
    if any(n < 0 for n in shape) or prod(shape) > _MOST:
        raise UnreadableError(f"arrays must be of at most {_MOST} numbers; received one of shape {tuple(shape)}")


def flag(attributes: dict[str, Any], name: str, default: int) -> bool:
    """Return an attribute that is 0 or 1."""
    value = attributes.get(name, default)
    if value not in (0, 1):
        raise UnreadableError(f"{name} must be 0 or 1; received {value}")
    return bool(value)


def is_close(value: float, to: float) -> bool:
    """Return whether a factor or a term is a number, to rounding."""
    return abs(value - to) <= _NEXT_TO * max(1.0, abs(to))


def shortest(number: Any) -> float:
    """Return the shortest decimal of a float32, so that 0.1 is 0.1 again."""
    single = np.float32(number)
    return float(str(single)) if single == number else float(number)


@dataclass(frozen=True)
class Constant:
    """An array that does not depend on samples.

    Attributes
    ----------
    values : ndarray
    whole : ndarray or None
        The array of which these are the first rows.
    """

    values: Array
    whole: Array | None = None


@dataclass(frozen=True)
class Spec:
    """A layer to be made: its class, its arguments, and its parameters and buffers."""

    kind: type[Layer]
    arguments: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Node:
    """A tensor of the network to be found, (N, *shape), and what computes it.

    Attributes
    ----------
    shape : tuple of int
        The shape of a sample.
    does : Spec or str
        A layer, "sum", "product" or "concat", or only part of one: "input", "state" and others.
    sources : tuple of Node
    facts : dict
        Further data of a part.
    """

    shape: Shape
    does: Spec | str
    sources: tuple[Node, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> Spec | None:
        """The layer that it is, if it is one."""
        return self.does if isinstance(self.does, Spec) else None

    @property
    def activation(self) -> str | None:
        """The name of the activation that it is, if it is one."""
        return self.does.arguments["name"] if isinstance(self.does, Spec) and self.does.kind is Activation else None

    def is_a(self, *kinds: type[Layer]) -> bool:
        """Return whether it is a layer of this class."""
        return isinstance(self.does, Spec) and self.does.kind in kinds

    @property
    def size(self) -> int:
        """The number of values in a sample."""
        return prod(self.shape)

    @property
    def features(self) -> int:
        """The number of features, or channels."""
        found: int = self.shape[0] if len(self.shape) == 3 else self.shape[-1]
        return found

    def everywhere(self, samples: int) -> Array:
        """Return the places of all numbers of a batch, (N, *shape)."""
        check_size(samples, *self.shape)
        return np.arange(samples * self.size, dtype=np.int32).reshape(samples, *self.shape)


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of a batch: scale times those of a node at these places, plus offset; 0 where the place is -1.

    Values have this form however a graph transposes, slices and reshapes its tensors; their places show their role in a
    layer. If `integral`, they are tokens, which are looked up rather than computed with.
    """

    node: Node
    places: Array
    scale: float = 1.0
    offset: float = 0.0
    integral: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether there is no factor and no term."""
        return is_close(self.scale, 1) and is_close(self.offset, 0)

    def moved(self, places: Array) -> Numbers:
        """Return numbers of the same tensor at other places."""
        return replace(self, places=places)


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of attention, scale q k^T, and whether they are probabilities already."""

    q: Numbers
    k: Numbers
    scale: float = 1.0
    causal: bool = False
    normalized: bool = False


@dataclass(frozen=True, eq=False)
class Above:
    """The comparison whether numbers are above a limit."""

    x: Numbers
    limit: float


Value = Constant | Numbers | Scores | Above
