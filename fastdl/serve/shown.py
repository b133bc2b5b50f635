"""What a page may be about."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from ..sequential import Sequential
from .drawing import Drawing
from .sentences import Sentences
from .writing import Writing


class Shown(Protocol):
    """A network as a page shows it. Its answers may be asked for in several threads, of a copy in each.

    Attributes
    ----------
    takes : str
        The type of what is asked, as HTTP calls it.
    most : int
        How many bytes that has.
    """

    takes: ClassVar[str]
    most: ClassVar[int]

    def about(self) -> dict[str, Any]:
        """Tell what the page has to know first: its ``kind``, and what belongs to that."""

    def answer(self, asked: bytes) -> dict[str, Any]:
        """Tell what the network says; `ValueError` where nobody could."""


def shown(net: Sequential, parser: Sequential | None = None, name: str = "net") -> Shown:
    """Tell from what a network is how it can be shown.

    Raises
    ------
    ValueError
        If it is a network of something else; ``name`` is what the error calls it.
    """
    net.check_built()
    if net.is_of_trees:
        return Sentences(net, parser, name)
    if parser is not None:
        raise ValueError(f"parser must be None, or {name} a network of trees; it goes from {net.input_shape}")
    if net.input_shape == (None,):
        return Writing(net, name)
    return Drawing(net, name)
