"""Trees: as arrays, as brackets, drawn (`drawing`) and found by a parser (`parsing`)."""

from .arrays import Trees

__all__ = ["Trees"]
