"""Measures of a parser's trees."""

from __future__ import annotations

from reprlib import repr as short

import numpy as np

from ..._types import Array
from ..._validation.values import check_is
from ..arrays import Trees


def bracket_f1(found: Trees, gold: Trees) -> float:
    """Compute the F1 score of the spans of trees over the same sentences, without labels.

    Single words and whole sentences do not count, as no tree can miss them.

    Parameters
    ----------
    found, gold : Trees

    Returns
    -------
    float
        The harmonic mean of precision and recall over all sentences; 1 if there is nothing to miss.
    """
    check_is(found, "found", Trees)
    check_is(gold, "gold", Trees)
    counts = [[len(sentence) for sentence in trees.sentences()] for trees in (found, gold)]
    if counts[0] != counts[1]:
        raise ValueError(f"found and gold must be of the same sentences; received such of {short(counts)} words")
    ours, theirs = _brackets(found), _brackets(gold)
    total = len(ours) + len(theirs)
    return 2 * len(np.intersect1d(ours, theirs)) / total if total else 1.0


def _brackets(trees: Trees) -> Array:
    """Return a number for each span that counts, unique among all trees."""
    spans, longest = trees.spans().astype(np.int64), int(trees.spans().max()) + 1
    tree = np.repeat(np.arange(len(trees)), np.diff(trees.start))
    counts = spans[:, 1] - spans[:, 0] > 1
    counts[trees.roots] = False
    return np.unique(((tree * longest + spans[:, 0]) * longest + spans[:, 1])[counts])
