"""Derivatives of a network's outputs with respect to its input."""

from typing import TYPE_CHECKING

from .._lazily import lazily
from .differentiable import Differentiable

__all__ = ["Differentiable", "Taylor"]

if TYPE_CHECKING:
    from .taylor import Taylor
else:
    __getattr__, __dir__ = lazily(globals(), {"taylor": ["Taylor"]})
