"""The package onnx, which reads and writes files."""

from __future__ import annotations

from typing import Any

from ..._extras import missing


def onnx_package() -> Any:
    """Return the package, or say what to install."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise missing("ONNX", "onnx", "onnx") from None
    return onnx
