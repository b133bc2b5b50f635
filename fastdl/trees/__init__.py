"""Trees: in arrays, as brackets, drawn, and what parses sentences into them."""

from .arrays import Trees

__all__ = ["Trees"]
