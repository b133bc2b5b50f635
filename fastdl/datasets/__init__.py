"""Data to train on."""

from .idx import idx_folder, load_idx
from .mnist import mnist
from .text import Vocabulary, read_text, standard_library, text_windows

__all__ = ["Vocabulary", "idx_folder", "load_idx", "mnist", "read_text", "standard_library", "text_windows"]
