"""The base of layers made of layers, and walks through these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np

from .._core.graph import Lowered
from .._types import Array, Shape
from .base import Layer


class Container(Layer, abstract=True):
    """A layer made of other layers, which its `named_layers` gives by name."""

    def named_layers(self) -> Mapping[str, Layer]:
        """Return the layers that it is made of, by the prefix of their parameters' names."""
        raise NotImplementedError

    @property
    def sublayers(self) -> Sequence[Layer]:  # noqa: D102
        return tuple(self.named_layers().values())

    @property
    def stateful(self) -> bool:
        """Whether any of its layers continues where the last batch ended, once built."""
        return self.reading.stateful

    def initialize(self, rng: np.random.Generator) -> None:  # noqa: D102
        for layer in self.sublayers:
            layer.initialize(rng)

    def check_parameters(  # noqa: D102
        self,
        shapes: dict[str, Shape],
        wanted: Sequence[Shape],
        buffers: Sequence[tuple[int, int]],
        within: Sequence[Lowered],
    ) -> None:
        sizes = {id(lowered.layer): lowered.end - lowered.offset for lowered in within}
        uses = Counter(id(lowered.layer) for lowered in within)
        kind, named = type(self).__name__, self.named_layers()
        if unused := [name for name, layer in named.items() if id(layer) not in sizes]:
            raise ValueError(
                f"named_layers of {kind} must be those of its operations; received {', '.join(unused)} that is not"
            )
        if shared := [name for name, layer in named.items() if uses[id(layer)] > 1 and sizes[id(layer)]]:
            raise ValueError(
                f"operations of {kind} must apply each layer once, as no parameters belong to two places; received "
                f"{', '.join(shared)} twice: inputs for one layer may be steps of a sequence"
            )
        size, size_wanted = sum([sizes[id(layer)] for layer in named.values()]), sum(map(prod, wanted))
        if size != size_wanted:
            raise ValueError(
                f"named_layers of {kind} must give layers with all of the {size_wanted} parameters that its "
                f"operations have; those of {', '.join(named) or 'none'} have {size}"
            )

    def views(self, what: str) -> dict[str, Array]:  # noqa: D102
        return {
            f"{prefix}.{name}": array
            for prefix, layer in self.named_layers().items()
            for name, array in getattr(layer, what).items()
        }


def walk(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield all layers that are not containers, each with the prefix of its parameters' names."""
    if not isinstance(layer, Container):
        yield prefix, layer
        return
    for name, child in layer.named_layers().items():
        yield from walk(child, f"{prefix}.{name}" if prefix else name)


def named_within(layer: Layer, prefix: str = "") -> dict[str, Layer]:
    """Return all layers inside a layer, at any depth, by the names with which those of their parameters begin."""
    names: dict[str, Layer] = {}
    for key, child in layer.named_layers().items() if isinstance(layer, Container) else ():
        names[f"{prefix}{key}"] = child
        names |= named_within(child, f"{prefix}{key}.")
    return names
