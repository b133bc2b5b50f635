"""An operation's parameters by name, in the forms that the file's functions read."""

from __future__ import annotations

from ..._core.operation import Fields, parameters_of
from ..._types import Array

_NAMES = {
    "dense": ("weight", "bias"),
    "convolution": ("weight", "bias"),
    "transposed_convolution": ("weight", "bias"),
    "embedding": ("weight",),
    "positions": ("table",),
    "periodic": ("weight", "bias"),
    "robust_scale": ("center", "scale"),
    "group_norm": ("gain", "bias"),
    "layer_norm": ("gain", "bias"),
    "batch_norm": ("gain", "bias", "mean", "variance"),
    "recurrent": tuple([f"{name}_{k}" for k in (0, 1) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]),
}
_OF_WINDOWS = ("dense", "convolution")  # a dense layer's window has one pixel, that of sequences one row


def named_parameters(operation: Fields, flat: Array) -> dict[str, Array]:
    """Return the parameters of an operation, views of all there are; weights are inputs first."""
    kind, found = operation["kind"], {}
    for name, stored in zip(_NAMES.get(kind, ()), parameters_of(operation, flat), strict=False):
        if name == "weight" and kind in _OF_WINDOWS:
            stored = stored.reshape((1, 1, *stored.shape)[-4:])
        elif name == "weight" and kind == "transposed_convolution":
            stored = stored.swapaxes(2, 3)
        elif kind == "layer_norm":
            stored = stored.reshape(-1)
        found[name] = stored
    return found
