"""Derivatives of a network's outputs with respect to its input."""

from .differentiable import Differentiable
from .taylor import Taylor

__all__ = ["Differentiable", "Taylor"]
