"""Data to train on."""

from .idx import idx_folder, load_idx
from .mnist import mnist

__all__ = ["idx_folder", "load_idx", "mnist"]
