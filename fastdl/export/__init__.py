"""Networks for other programs, and theirs for fastdl: formats of exchange."""

from .onnx import to_onnx
from .state_dict import from_state_dict, to_state_dict

__all__ = ["from_state_dict", "to_onnx", "to_state_dict"]
