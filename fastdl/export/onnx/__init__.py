"""ONNX: the format that most runtimes read."""

from .exporting import to_onnx

__all__ = ["to_onnx"]
