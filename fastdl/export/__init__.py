"""Export of networks to other programs, and import from them."""

from .c import CFile, to_c
from .keras import from_keras
from .onnx import from_onnx, to_onnx
from .safetensors import from_safetensors, to_safetensors
from .state_dict import from_state_dict, to_state_dict

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
