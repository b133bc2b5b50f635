"""Data to train on."""

from ..trees import Trees
from .expressions import expression_trees, expression_words
from .idx import idx_folder, load_idx
from .mnist import mnist
from .text import Vocabulary, read_text, standard_library, text_windows
from .trees import read_trees
from .words import words_of

__all__ = [
    "Trees",
    "Vocabulary",
    "expression_trees",
    "expression_words",
    "idx_folder",
    "load_idx",
    "mnist",
    "read_text",
    "read_trees",
    "standard_library",
    "text_windows",
    "words_of",
]
