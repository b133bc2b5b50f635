"""Ready-made networks, a file for each kind of data."""

from typing import TYPE_CHECKING

from .._hints.names import hinting_getattr
from .digits import lenet5, mlp
from .sequences import language_model, transformer
from .tables import tabular
from .trees import tree_classifier, tree_parser

__all__ = ["language_model", "lenet5", "mlp", "tabular", "transformer", "tree_classifier", "tree_parser"]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
