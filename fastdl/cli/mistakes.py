"""What users can correct: each is told in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..training.divergence import DivergenceError


class Mistake(Exception):
    """A mistake that the user can correct, explained in one line."""


@contextlib.contextmanager
def reading(option: str) -> Iterator[None]:
    """Let errors of reading a file name its option."""
    try:
        yield
    except OSError as error:
        raise Mistake(f"{option} must name what can be read; {error}") from None


@contextlib.contextmanager
def of_option(option: str) -> Iterator[None]:
    """Let errors name the option whose value is wrong."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise Mistake(f"{option}: {error}") from None


@contextlib.contextmanager
def diverging() -> Iterator[None]:
    """Let a training that diverges end with advice of what the command has."""
    try:
        yield
    except DivergenceError as error:
        raise Mistake(f"{error.fault}: a lower --lr may help") from None
