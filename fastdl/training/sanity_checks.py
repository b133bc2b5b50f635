"""Sanity checks before the first step of `fit`: warnings of settings that are probably mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._warning import warn
from ..losses import Loss
from ..losses.custom import Custom
from .examples import Examples

if TYPE_CHECKING:
    from ..sequential import Sequential

_NO_LOGITS = frozenset({"hard_sigmoid", "hard_tanh", "relu", "relu6", "sigmoid", "softmax", "tanh"})


def warn_of_logits(net: Sequential, loss: Loss) -> None:
    """Warn if a loss would read the outputs of an activation as logits, as a subclass of one does of any."""
    kind = loss.function if isinstance(loss, Custom) and isinstance(loss.function, Loss) else loss
    if kind.leaves_out == "identity":
        return
    for name in sorted(net.reading.activations & _NO_LOGITS):
        if not name == net.reading.ends_in == loss.leaves_out:
            warn(
                f"{kind.name} takes the outputs of {name} for logits, and puts a {kind.leaves_out} after it: "
                f"leave the {name} out",
            )


def warn_of_single_samples(net: Sequential) -> None:
    """Warn of a batch normalization of vectors whose batches all have one sample: its output is constant."""
    for operation in net.graph_for(net.input_shape).operations:
        if operation["kind"] == "batch_norm" and len(operation["output_shape"]) == 1 and not operation.get("frozen"):
            warn(
                "a BatchNorm gives its bias for a batch of one sample, whatever that is, and nothing before it learns: "
                "take a batch_size of 2 at least, a GroupNorm or a LayerNorm",
            )
            return


def warn_of_unknown_labels(data: Examples, held_out: Examples, loss: Loss) -> None:
    """Warn if most validation samples have labels that no training sample has, as if samples were sorted by label."""
    if data.classes and held_out.classes:
        known, held = (loss.as_labels(part.counted_targets()).reshape(-1) for part in (data, held_out))
        strange = held[~np.isin(held, known)]
        if len(strange) > max(len(held) / 2, 8):  # a handful may differ by chance
            warn(
                f"validation_split holds out the last samples, and labels such as {strange[0]} are among these alone: "
                "shuffle the samples before",
            )
