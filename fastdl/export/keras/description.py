"""A check that a network is the model that a .keras file describes, by comparing descriptions of their layers."""

from __future__ import annotations

from ...sequential import Sequential
from .ours import Words, text_of, words_of_layers
from .theirs import Config, words_of_model


def check_model(net: Sequential, config: Config) -> None:
    """Check that a network is the model of a description."""
    ours, theirs = list(words_of_layers(net.layers)), list(words_of_model(config))
    end: Words = ("nothing more",)
    for k in range(max(len(ours), len(theirs))):
        our, their = (words[k] if k < len(words) else end for words in (ours, theirs))
        if our != their:
            raise ValueError(
                f"the network must be its model: there, after {k} layers that agree, comes {text_of(their)}; in the "
                f"network {text_of(our)}"
            )
