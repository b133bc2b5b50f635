"""Export of networks to other programs, and import from them."""

from typing import TYPE_CHECKING

from .._lazily import lazily

__all__ = [
    "CFile",
    "from_keras",
    "from_onnx",
    "from_safetensors",
    "from_state_dict",
    "to_c",
    "to_onnx",
    "to_safetensors",
    "to_state_dict",
]

if TYPE_CHECKING:
    from .c import CFile, to_c
    from .keras import from_keras
    from .onnx.reading.network import from_onnx
    from .onnx.writing.network import to_onnx
    from .safetensors import from_safetensors, to_safetensors
    from .state_dict import from_state_dict, to_state_dict
else:  # each format has many operations of its own
    __getattr__, __dir__ = lazily(
        globals(),
        {
            "c": ["CFile", "to_c"],
            "keras": ["from_keras"],
            "onnx.reading.network": ["from_onnx"],
            "onnx.writing.network": ["to_onnx"],
            "safetensors": ["from_safetensors", "to_safetensors"],
            "state_dict": ["from_state_dict", "to_state_dict"],
        },
    )
