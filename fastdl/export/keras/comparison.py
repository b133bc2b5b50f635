"""A check that a network is the model that a .keras file describes, by comparing descriptions of their layers."""

from __future__ import annotations

from ...sequential import Sequential
from .descriptions import Description, text_of
from .model import Config, describe_model
from .network import describe_layers


def check_model(net: Sequential, config: Config) -> None:
    """Check that a network is the model of a description."""
    ours, theirs = list(describe_layers(net.layers)), list(describe_model(config))
    end: Description = ("nothing more",)
    for k in range(max(len(ours), len(theirs))):
        our, their = (layers[k] if k < len(layers) else end for layers in (ours, theirs))
        if our != their:
            raise ValueError(
                f"the network must be its model: there, after {k} layers that agree, comes {text_of(their)}; in the "
                f"network {text_of(our)}"
            )
