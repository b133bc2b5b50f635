"""ONNX: the format that most runtimes read."""

from .reading.network import from_onnx
from .writing.network import to_onnx

__all__ = ["from_onnx", "to_onnx"]
