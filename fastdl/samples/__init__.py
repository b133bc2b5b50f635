"""The kinds of batch: samples of one shape, sequences with lengths, and trees. A batch is checked once, on entry.

A network gives a row of outputs for each sample (N,), for each of its steps (N, T), or for each node of trees (M,). Not
all rows need count: the others have no effect on losses and gradients. Targets, weights and the mask of the rows that
count have the axes of the rows.
"""

from .._types import Mask
from .batch import as_batch, parts
from .dense import Samples
from .forest import Forest
from .sequences import Sequences

__all__ = ["Forest", "Mask", "Samples", "Sequences", "as_batch", "parts"]
