"""The subjects of a page."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from ..sequential import Sequential
from .drawing import Drawing
from .sentences import Sentences
from .writing import Writing


class Shown(Protocol):
    """A network as a page shows it. Several threads may ask for answers, each from its own copy.

    Attributes
    ----------
    takes : str
        The content type of requests.
    most : int
        The most bytes of a request.
    """

    takes: ClassVar[str]
    most: ClassVar[int]

    def about(self) -> dict[str, Any]:
        """Return what the page must know first: its ``kind``, and data for that kind."""

    def answer(self, asked: bytes) -> dict[str, Any]:
        """Return the network's answer, or raise a `ValueError` if the request is wrong."""


def shown(net: Sequential, parser: Sequential | None = None, name: str = "net") -> Shown:
    """Choose how to show a network.

    Raises
    ------
    ValueError
        If no page can show it; ``name`` is its name in the error.
    """
    net.check_built()
    if net.is_of_trees:
        return Sentences(net, parser, name)
    if parser is not None:
        raise ValueError(f"parser must be None, or {name} a network of trees; it goes from {net.input_shape}")
    if net.input_shape == (None,):
        return Writing(net, name)
    return Drawing(net, name)
