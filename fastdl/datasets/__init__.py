"""Data to train on."""

from typing import TYPE_CHECKING

from .._hints.names import hinting_getattr
from ..images.idx import idx_folder, read_idx
from ..text.reading import read_text
from ..text.vocabulary import Vocabulary
from ..text.windows import text_windows
from ..text.words import words_of
from ..trees import Trees
from ..trees.reading import read_trees
from .expressions import expression_trees, expression_words
from .mnist import mnist
from .standard_library import standard_library

__all__ = [
    "Trees",
    "Vocabulary",
    "expression_trees",
    "expression_words",
    "idx_folder",
    "mnist",
    "read_idx",
    "read_text",
    "read_trees",
    "standard_library",
    "text_windows",
    "words_of",
]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
