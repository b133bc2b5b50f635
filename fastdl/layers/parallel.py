"""The layer that merges the outputs of several chains of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .._core.graph import Tensor, merged
from .._core.kinds import MERGES
from .._validation.values import as_choice
from .base import Layer
from .chains import adopted, numbered, through
from .container import Container


class Parallel(Container):
    """Several chains of layers that read the same input, and whose outputs are merged into one.

    Parameters
    ----------
    branches : sequence of sequences of Layer
        At least one. An empty branch passes its input on.
    merge : {"concat", "sum", "product"}
        Whether the outputs are concatenated along their features or channels, added, or multiplied element by element.

    Notes
    -----
    x is whatever all branches can read, tokens (N, T) too. Their outputs (N, F), (N, T, F) or (N, C, H, W) have equal
    shapes, except that with "concat" the features or channels may differ; y then has all of them. With "sum" and
    "product" an output is repeated that has one row for all steps or pixels of another, a vector (N, F) being such a
    row, or one feature for all: squeeze-and-excitation (Hu et al. 2018) multiplies (N, C, H, W) by (N, C).
    """

    def __init__(self, branches: Sequence[Sequence[Layer]], merge: str = "concat") -> None:
        super().__init__()
        if not isinstance(branches, Iterable) or isinstance(branches, Layer):
            raise TypeError(f"branches must be lists of layers; received {branches!r}")
        given = list(branches)
        if not given:
            raise ValueError("branches must be one at least; received none")
        self.branches = tuple(adopted(layers, f"branches[{k}]", empty=True) for k, layers in enumerate(given))
        flat = [layer for branch in self.branches for layer in branch]
        if len({id(layer) for layer in flat}) < len(flat):
            raise ValueError("branches must be of different layers; received one twice")
        self.merge: str = as_choice(merge, "merge", MERGES)

    def named_layers(self) -> Mapping[str, Layer]:  # noqa: D102
        return {
            f"{k}.{name}": layer for k, branch in enumerate(self.branches) for name, layer in numbered(branch).items()
        }

    def operations(self, x: Tensor) -> Tensor:  # noqa: D102
        return merged([through(branch, x, f"branches[{k}]") for k, branch in enumerate(self.branches)], self.merge)
