"""Bracketed trees as text, such as ``(4 (2 good) (2 film))``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from reprlib import repr as short
from typing import NamedTuple

from ..text.escapes import unescaped

_SHOWN, _LONGEST = 20, 40  # labels that an error shows, and characters of each
NO_LABEL = "@"  # how a node without a label is written
_TOKENS = re.compile(r"[()]|[^()\s]+", re.ASCII)  # a no-break space, as in "8 1/2", is part of a word


class _Bracket(NamedTuple):
    """An open bracket."""

    place: int  # in the text
    tokens: list[str]
    children: list[int]


class Arrays(NamedTuple):
    """The arrays that brackets describe: the arguments of `Trees`."""

    start: list[int]
    parents: list[int]
    words: list[str | None]
    labels: list[int]
    names: Sequence[str]


def read_brackets(text: str, name: str, names: Sequence[str] | None) -> Arrays:
    """Read bracketed trees, as `Trees.parse` describes."""

    def mistake(place: int, what: str) -> ValueError:
        line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
        return ValueError(f"{name}:{line}:{column}: {what}")

    start, places = [0], []
    parents: list[int] = []
    words: list[str | None] = []
    labels: list[str] = []
    stack: list[_Bracket] = []
    for match in _TOKENS.finditer(text):
        token, place = match.group(), match.start()
        if token == "(":
            if stack and len(stack[-1].tokens) > 1:
                word = short(stack[-1].tokens[1])
                raise mistake(place, f"a node must have a word or children; this one has {word} too")
            stack.append(_Bracket(place, [], []))
        elif not stack:
            what = "this bracket closes none" if token == ")" else f"{short(token)} must stand in brackets"
            raise mistake(place, what)
        elif token != ")":
            if stack[-1].children or len(stack[-1].tokens) == 2:
                what = f"a node must have one word, after its label, or children; {short(token)} is too much"
                raise mistake(place, what)
            stack[-1].tokens.append(token)
        else:
            node = stack.pop()
            if not node.children and len(node.tokens) < 2:
                held = f"{short(node.tokens[0])} alone" if node.tokens else "nothing"
                raise mistake(node.place, f"a node must have a label and a word, or children; it has {held}")
            for child in node.children:
                parents[child] = len(words)
            parents.append(-1)
            words.append(None if node.children else unescaped(node.tokens[1]))
            labels.append(node.tokens[0] if node.tokens else NO_LABEL)
            places.append(node.place)
            if stack:
                stack[-1].children.append(len(words) - 1)
            else:
                start.append(len(words))
    if stack:
        raise mistake(stack[0].place, "this bracket is never closed")
    if not words:
        raise ValueError(f"{name} must hold trees; it holds none")
    if names is None:
        names = _names(labels)
    numbers = {label: i for i, label in enumerate(names)} | {NO_LABEL: -1}
    for label, place in zip(labels, places, strict=True):
        if label not in numbers:
            known = ", ".join(name[:_LONGEST] for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            raise mistake(place, f"label must be one of {known}; it is {label[:_LONGEST]}")
    return Arrays(start, parents, words, [numbers[label] for label in labels], names)


def _names(labels: Sequence[str]) -> list[str]:
    """Return the names of labels: the numbers from 0 on if all labels are numbers, otherwise all names, sorted."""
    found = sorted(set(labels) - {NO_LABEL})
    if found and all(re.fullmatch("0|[1-9][0-9]{0,4}", label) for label in found):
        return [str(i) for i in range(max(map(int, found)) + 1)]
    return found
