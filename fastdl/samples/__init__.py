"""What a batch is: samples of one shape, sequences with lengths, or trees. It is checked once, where it comes in.

A network gives a row of outputs for each sample (N,), for each of its steps (N, T), or for each node of trees (M,). Not
all of them count: what a loss, a gradient or a weight says of the others makes no difference. Targets, weights and the
mask of what counts have their axes.
"""

from .batch import as_batch, parts
from .dense import Mask, Samples
from .forest import Forest
from .sequences import Sequences

__all__ = ["Forest", "Mask", "Samples", "Sequences", "as_batch", "parts"]
