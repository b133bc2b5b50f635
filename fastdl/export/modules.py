"""The PyTorch modules that match a network: their names in a Sequential, and the entries of their state dict.

docs/state-dicts.md has a table of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .._types import Array
from ..layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Bidirectional,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    GlobalMaxPool,
    GlobalMeanPool,
    Layer,
    Parallel,
    Residual,
    SelfAttention,
)
from ..layers.container import Container
from ..sequential import Sequential

COUNTER = "num_batches_tracked"  # of a batch normalization, which PyTorch uses if the momentum is None
_CONVOLUTIONS = (Conv1D, Conv2D, ConvTranspose2D)


class Entry(NamedTuple):
    """One array of a state dict: the layer and the name of its parameter or buffer, or neither for a counter."""

    layer: Layer
    name: str

    def array(self) -> Array | None:
        """Return the live array."""
        if self.name == COUNTER:
            return None
        return self.layer.buffers[self.name] if self.name in self.layer.buffer_names else self.layer.params[self.name]


class Module(NamedTuple):
    """A module with a state: its name, and its entries by PyTorch's names."""

    name: str
    entries: dict[str, Entry]


def modules_of(net: Layer, *, stacked: bool) -> list[Module]:
    """Return the modules of a network, or of a layer used alone, whose module has no name.

    Parameters
    ----------
    net : Layer
    stacked : bool
        Whether consecutive recurrent layers are one module of several layers.
    """
    return [module for module in _modules(net, "", stacked) if module.entries]


def _modules(layer: Layer, name: str, stacked: bool) -> Iterator[Module]:
    within = f"{name}." if name else ""
    if type(layer) is Parallel:
        for k, branch in enumerate(layer.branches):
            yield from _chain(branch, f"{within}{k}.", stacked)
    elif isinstance(layer, (Sequential, Residual)):
        yield from _chain(layer.layers, within, stacked)
    elif isinstance(layer, Container):
        for child, part in layer.named_layers().items():
            yield from _modules(part, f"{within}{child}", stacked)
    else:
        yield Module(name, _entries([layer]))


def _chain(layers: Sequence[Layer], within: str, stacked: bool) -> Iterator[Module]:
    """Yield the modules of a Sequential; the numbering includes modules before and after a layer."""
    number = k = 0
    while k < len(layers):
        stack = _stack(layers[k:]) if stacked else []
        number += _before(layers[k])
        if len(stack) > 1:
            yield Module(f"{within}{number}", _entries(stack))
            k = layers.index(stack[-1], k) + 1
        else:
            yield from _modules(layers[k], f"{within}{number}", stacked)
            k += 1
        number += 1 + _after(layers[k - 1])


def _before(layer: Layer) -> int:
    """Count the modules that pad a convolution's input, if PyTorch's convolution cannot."""
    if type(layer) is Conv1D:
        return int(layer.padding == "causal" or (layer.padding == "same" and layer.stride > 1))
    return int(type(layer) is Conv2D and layer.padding == "same" and layer.stride != (1, 1))


def _after(layer: Layer) -> int:
    """Count the modules that follow a layer: an activation, or one that flattens a pooled image."""
    if type(layer) in (Dense, *_CONVOLUTIONS):
        return int(layer.activation != "identity")  # type: ignore[attr-defined]
    return int(type(layer) in (GlobalMaxPool, GlobalMeanPool))


def _entries(layers: Sequence[Layer]) -> dict[str, Entry]:
    """Return the state of a layer, or of a stack of recurrent ones.

    A layer without a counterpart in PyTorch has our names, which no module of PyTorch uses.
    """
    first = layers[0]
    if _cell(first) is not None:
        return {_in_stack(name, k): Entry(layer, name) for k, layer in enumerate(layers) for name in layer.params}
    entries = {name: Entry(first, name) for name in (*first.params, *first.buffers)}
    if type(first) is SelfAttention:
        return {name.replace("out_proj_", "out_proj."): entry for name, entry in entries.items()}
    if type(first) is BatchNorm:
        entries[COUNTER] = Entry(first, COUNTER)
    return entries


def _in_stack(name: str, k: int) -> str:
    """Return PyTorch's name of a recurrent layer's parameter, if the layer is number k of a stack."""
    forward = name.removesuffix("_reverse")
    return f"{forward}_l{k}{name[len(forward) :]}"


def _cell(layer: Layer) -> tuple[Any, ...] | None:
    """Return the settings that all layers of a stack share; None if PyTorch has no such recurrent module."""
    of = layer.layer if type(layer) is Bidirectional else layer
    cell: tuple[Any, ...] | None = None
    if type(of) is RNN and of.activation in ("tanh", "relu"):
        cell = RNN, of.units, of.activation
    elif type(of) is LSTM or (type(of) is GRU and of.reset_after):
        cell = type(of), of.units
    return cell and (type(layer), *cell)


def _stack(layers: Sequence[Layer]) -> list[Layer]:
    """Return the recurrent layers at the start of a chain that form one module, with equal dropout in between."""
    stack: list[Layer] = []
    rates: list[float] = []
    cell, rest = _cell(layers[0]), list(layers)
    while cell is not None and rest:
        rate = rest.pop(0).rate if stack and type(rest[0]) is Dropout else 0.0  # type: ignore[attr-defined]
        if not rest or _cell(rest[0]) != cell or (stack and len({rate, *rates}) > 1):
            break
        rates += [rate] if stack else []
        stack.append(rest.pop(0))
        if not _goes_on(stack[-1]):
            break
    return stack


def _goes_on(layer: Layer) -> bool:
    """Return whether a recurrent layer gives all steps, as the next one of its stack needs."""
    if type(layer) is Bidirectional:
        return layer.merge == "concat" and layer.layer.return_sequences
    return layer.return_sequences  # type: ignore[attr-defined,no-any-return]
