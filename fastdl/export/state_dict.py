"""State dicts of PyTorch's kind: from a network, and into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .._types import Array
from .._validation.arrays import as_array, as_real, check_variance
from .._validation.values import as_list, check_is
from ..layers import Layer
from .modules import COUNTER, Entry, Module, modules_of

_MOST_NAMED = 20  # arrays that an error names


def to_state_dict(net: Layer, *, names: Iterable[str] | None = None) -> dict[str, Array]:
    """Return the parameters and running statistics with PyTorch's names and axes.

    Parameters
    ----------
    net : Sequential or Layer
        A network, as a ``torch.nn.Sequential``, or a layer used alone, as a module.
    names : iterable of str, optional
        The names of the modules with parameters, in the order of the layers, if they are attributes of a class:
        ``["conv1", "conv2", "fc"]``.

    Returns
    -------
    dict of str to ndarray
        Copies in the network's dtype, for ``model.load_state_dict({k: torch.tensor(v) for k, v in state.items()})``. A
        layer without a counterpart in PyTorch has the names of its `params`; docs/state-dicts.md lists the module of
        each layer.

    Raises
    ------
    ValueError
        If there are not as many names as modules.
    """
    check_is(net, "net", Layer)
    net.check_built()
    with net.turn.lock:
        state = {}
        for name, entry in _entries(_plans(net, names)[0]).items():
            values = entry.array()
            state[name] = np.array(0 if values is None else values, order="C")
        return state


def from_state_dict(net: Layer, state_dict: Mapping[str, Any], *, names: Iterable[str] | None = None) -> None:
    """Set parameters and running statistics from a state dict of PyTorch's.

    Parameters
    ----------
    net : Sequential or Layer
        A built network with the same architecture.
    state_dict : mapping of str to array_like
        Tensors, on any device, or arrays. Consecutive recurrent layers may be one module of several layers, or a module
        each.
    names : iterable of str, optional
        As for `to_state_dict`.

    Raises
    ------
    ValueError
        If names or shapes are not those of the network's modules, numbers are not finite, or variances negative. The
        network is then as it was.
    RuntimeError
        If a call of `fit` is training the network.
    """
    check_is(net, "net", Layer)
    net.check_built()
    if not isinstance(state_dict, Mapping):
        hint = ", whose state_dict() may be meant" if hasattr(state_dict, "state_dict") else ""
        raise TypeError(f"state_dict must be a mapping of names to arrays; received {type(state_dict).__name__}{hint}")
    with net.turn.lock:
        net.turn.check_untrained()
        expected = _fitting(_plans(net, names), state_dict)
        found = {str(name): _as_found(values, str(name)) for name, values in state_dict.items()}
        check_state(shapes_of(expected), {name: array.shape for name, array in found.items()})
        _fill(expected, found)
        net.turn.count_change()


def shapes_of(entries: dict[str, Entry]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the arrays of a state dict must have."""
    arrays = {name: entry.array() for name, entry in entries.items()}
    return {name: () if array is None else array.shape for name, array in arrays.items()}


def check_state(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> None:
    """Check that names and shapes are the expected ones; only a counter may be missing."""
    missing = [name for name in expected if name not in found and _last(name) != COUNTER]
    more = [name for name in found if name not in expected]
    other = [name for name in expected if name in found and found[name] != expected[name]]
    told = []
    if missing:
        told.append(f"missing {_listed(f'{name} {expected[name]}' for name in missing)}")
    if more:
        told.append(f"too much {_listed(f'{name} {found[name]}' for name in more)}")
    if other:
        told.append(_listed(f"{name} must have shape {expected[name]}; received {found[name]}" for name in other))
    hints = []
    if without_bias := [name for name in missing if _last(name) == "bias" and f"{name[:-4]}weight" in found]:
        hints.append(f"of a module without bias, zeros do: state_dict | {{{without_bias[0]!r}: numpy.zeros(...)}}")
    if missing and more:
        hints.append(_prefix_hint(missing, found) or "names= says what modules are called")
    if told:
        hint = f" ({'; '.join(hints)})" if hints else ""
        raise ValueError(f"state_dict must have what the network's modules have: {'; '.join(told)}{hint}")


def _prefix_hint(missing: list[str], found: Mapping[str, Any]) -> str | None:
    """Say what is before all names, as of a module that is part of another; None if nothing is."""
    for name in found:
        prefix = name.removesuffix(missing[0])
        if name != prefix and all(f"{prefix}{one}" in found for one in missing):
            return f"names begin with {prefix}: {{k.removeprefix({prefix!r}): v for k, v in state_dict.items()}}"
    return None


def _listed(items: Iterable[str]) -> str:
    every = list(items)
    left = len(every) - _MOST_NAMED
    return ", ".join(every[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _plans(net: Layer, names: Iterable[str] | None) -> list[list[Module]]:
    """Return the network's possible modules, with and without stacks, that fit the number of names."""
    plans = [modules_of(net, stacked=True), modules_of(net, stacked=False)]
    if names is None:
        return plans
    given = [str(name) for name in as_list(names, "names", "strings")]
    if len(set(given)) < len(given):
        raise ValueError(f"names must differ; received {', '.join(given)}")
    fitting = [plan for plan in plans if len(plan) == len(given)]
    if not fitting:
        modules = ", ".join(f"{module.name or type(net).__name__}" for module in plans[0])
        raise ValueError(f"names must be as many as modules with a state, {modules}; received {', '.join(given)}")
    return [[Module(name, module.entries) for name, module in zip(given, plan, strict=True)] for plan in fitting]


def _entries(plan: list[Module]) -> dict[str, Entry]:
    return {
        f"{module.name}.{name}" if module.name else name: entry
        for module in plan
        for name, entry in module.entries.items()
    }


def _fitting(plans: list[list[Module]], state_dict: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the entries of the plan that has the state dict's names, or else of the first plan."""
    given = {name for name in state_dict if _last(str(name)) != COUNTER}
    every = [_entries(plan) for plan in plans]
    return next((e for e in every if {name for name in e if _last(name) != COUNTER} == given), every[0])


def _as_found(values: Any, name: str) -> Array:
    """Return a tensor, or anything else that NumPy can convert, as an array."""
    told = f"state_dict[{name!r}]"
    for method in ("detach", "cpu"):
        if hasattr(values, method):
            try:
                values = getattr(values, method)()
            except RuntimeError as error:  # a tensor without data
                raise TypeError(f"{told} must be an array of real numbers; {error}") from None
    return as_real(values, told)


def _fill(entries: dict[str, Entry], found: dict[str, Array]) -> None:
    """Copy arrays of the right shapes into place, if all of them are finite, and variances not negative."""
    ready = []
    for name, entry in entries.items():
        target = entry.array()
        if target is not None:
            told = f"state_dict[{name!r}]"
            check_variance(found[name], entry.name, told)
            ready.append((target, as_array(found[name], told, target.dtype.name)))
    for target, values in ready:
        target[...] = values
