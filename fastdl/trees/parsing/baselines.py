"""Trees by simple rules, as baselines for parsers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..arrays import Trees
from .merges import Sentences, as_sentences, trees_of


def right_branching(sentences: Iterable[Sequence[str]]) -> Trees:
    """Return the trees (a (b (c d))), a baseline for parsers.

    Parameters
    ----------
    sentences : iterable of sequences of str
        The words of each.

    Returns
    -------
    Trees
        Binary, a tree for each sentence, without labels.
    """
    return _baseline(sentences, lambda n: [(n - 2 - j, n - 1 if j == 0 else n - 1 + j) for j in range(n - 1)])


def balanced(sentences: Iterable[Sequence[str]]) -> Trees:
    """Return trees that split every span in the middle, ((a b) (c d)), a baseline for parsers.

    Parameters
    ----------
    sentences : iterable of sequences of str
        The words of each.

    Returns
    -------
    Trees
        Binary, a tree for each sentence, without labels.
    """
    return _baseline(sentences, _balanced_merges)


def _baseline(sentences: Iterable[Sequence[str]], merges: Any) -> Trees:
    words = as_sentences(sentences)
    start = np.concatenate([[0], np.cumsum([len(sentence) for sentence in words])])
    rows = [pair for sentence in words for pair in (*merges(len(sentence)), (0, 0))]
    return trees_of(Sentences(np.zeros(start[-1], int), start, np.array(rows, np.int32), np.diff(start) - 1), words)


def _balanced_merges(n: int) -> list[tuple[int, int]]:
    merges: list[tuple[int, int]] = []
    row = list(range(n))

    def span(first: int, last: int) -> int:
        if last - first == 1:
            return row[first]
        middle = (first + last + 1) // 2
        left = span(first, middle)
        merges.append((left, span(middle, last)))
        return n + len(merges) - 1

    if n > 1:
        span(0, n)
    return merges
