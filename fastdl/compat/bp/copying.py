"""Copies of objects that refer to one another, thousands deep."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from .connections import Connection
from .nodes import ConstNode, Node, made_downstream, made_upstream


def copy_linked(nodes: Iterable[Any], memo: dict[int, Any]) -> None:
    """Copy nodes, the existing connections, and the objects that these refer to.

    Parameters
    ----------
    nodes : iterable
    memo : dict
        As for `copy.deepcopy`; receives the copies.
    """
    states = []
    waiting = list(nodes)
    while waiting:
        part = waiting.pop()
        if id(part) in memo or not isinstance(part, (Node, ConstNode, Connection)):
            continue
        reduced: Any = part.__reduce_ex__(4)
        make, arguments, state, *_ = reduced
        memo[id(part)] = copied = make(*arguments)
        states.append((copied, state))
        if isinstance(part, Connection):
            waiting += [part.upstream_node, part.downstream_node]
        else:
            waiting += [*(made_downstream(part) or ()), *(made_upstream(part) or ())]
    for copied, state in states:
        there, slots = state if isinstance(state, tuple) else (state, None)
        vars(copied).update(deepcopy(there or {}, memo))
        for name, value in (slots or {}).items():
            setattr(copied, name, deepcopy(value, memo))
