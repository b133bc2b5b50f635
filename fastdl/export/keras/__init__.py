"""Import of weights that Keras 3 saved."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..._validation.arrays import as_array
from ..._validation.values import check_is
from ..._warning import warn
from ...layers import BatchNorm, Layer, LayerNorm
from ...sequential import Sequential
from .comparison import check_model
from .files import opened
from .weights import filled

__all__ = ["from_keras"]

_EPSILON = 1e-3  # the default of Keras's normalizations


def from_keras(net: Sequential, path: str | os.PathLike[str]) -> None:
    """Set a network's weights from a Keras 3 model, converted to fastdl's axes, gates and order of features.

    Parameters
    ----------
    net : Sequential
        A built network with the same layers as the model. The model's images are (H, W, C), the network's (C, H, W).
    path : path-like
        A .keras file, whose settings are compared too, or a .weights.h5 file, which has weights alone: make sure that
        everything else, such as strides, activations and epsilons, is the same.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind, or its contents do not fit the network, which is then as it was.
        Nothing in the file is ever run.
    RuntimeError
        If a call of `fit` is training the network.
    ImportError
        If the package h5py is not installed.

    Warns
    -----
    UserWarning
        If a .weights.h5 file is read into a network with a normalization whose epsilon is not Keras's default.
    """
    check_is(net, "net", Sequential)
    net.check_built()
    with net.turn.lock:
        net.turn.check_untrained()
        with opened(path) as model:
            if model.config is not None:
                check_model(net, model.config)
            found = filled(net, model.weights)
            ready = [(target, as_array(values, source, target.dtype.name)) for target, values, source in found]
        for target, values in ready:
            target[...] = values
        net.turn.count_change()
    if model.config is None and (others := {layer.epsilon for layer in _normalizations(net)} - {_EPSILON}):
        warn(
            f"a .weights.h5 file does not say what epsilon is: Keras's is {_EPSILON} where none is given, the "
            f"network's is {', '.join(map(str, sorted(others)))}",
        )


def _normalizations(layer: Layer) -> Iterator[BatchNorm | LayerNorm]:
    if isinstance(layer, (BatchNorm, LayerNorm)):
        yield layer
    for part in layer.sublayers:
        yield from _normalizations(part)
