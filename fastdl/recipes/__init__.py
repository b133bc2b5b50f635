"""Recipes to train the networks of `models`, each under its name; chosen by experiment on held-out data (bench/)."""

from typing import TYPE_CHECKING

from .._hints.names import hinting_getattr
from .digits import lenet5, mlp
from .recipe import Recipe
from .sequences import language_model, transformer
from .tables import tabular, tabular_training
from .trees import tree_classifier, tree_parser

__all__ = [
    "Recipe",
    "language_model",
    "lenet5",
    "mlp",
    "tabular",
    "tabular_training",
    "transformer",
    "tree_classifier",
    "tree_parser",
]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
