"""Images: from files of pictures, and from IDX files such as MNIST's."""

from .reading import read_image

__all__ = ["read_image"]
