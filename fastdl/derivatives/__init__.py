"""Derivatives of a network's outputs with respect to its input."""

from .differentiable import Differentiable

__all__ = ["Differentiable"]
