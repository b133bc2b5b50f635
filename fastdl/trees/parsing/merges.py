"""Sentences, and the merges of neighbours that build their trees, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import _core
from ..._types import Array
from ..._validation.values import as_list
from ...text.vocabulary import Vocabulary
from ..arrays import Trees


class Sentences(NamedTuple):
    """Sentences of word ids, one after another, each with merges of them: a tree, or parts of one.

    ``merges[first + j]`` are the two children of node j of a sentence whose n words begin at ``first``. Its words are
    numbered from 0 to n - 1, then its ``counts`` nodes, each after its children.
    """

    ids: Array  # (W,)
    start: Array  # (N + 1,)
    merges: Array  # int32 (W, 2)
    counts: Array  # (N,), n - 1 for a whole tree

    @classmethod
    def of(cls, trees: Trees, vocabulary: Vocabulary) -> Sentences:
        """Make them of the words and nodes of binary trees."""
        leaves, first = trees.leaves, trees.start[:-1]
        tree = np.repeat(np.arange(len(trees)), np.diff(trees.start))
        before = np.cumsum(leaves) - leaves  # words before each node, of all trees
        words = np.add.reduceat(leaves, first)
        start = np.concatenate([[0], np.cumsum(words)])
        word = before - start[tree]  # before each node, of its own tree
        merge = np.arange(len(leaves)) - first[tree] - word
        place = np.where(leaves, word, words[tree] + merge)
        merges = np.zeros((start[-1], 2), np.int32)
        inner = np.flatnonzero(~leaves)
        merges[(start[tree] + merge)[inner]] = place[trees.children(2)[inner]]
        return cls(trees.encode(vocabulary)[leaves], start, merges, words - 1)

    def part(self, which: Array) -> Sentences:
        """Return some of the sentences."""
        words, start = ranges(self.start, which)
        return Sentences(self.ids[words], start, self.merges[words], self.counts[which])

    def nodes(self) -> Nodes:
        """Return the nodes in the form that the core takes: the words of a sentence first, then its merges."""
        words = np.diff(self.start)
        start = np.concatenate([[0], np.cumsum(words + self.counts)])
        sentence = np.repeat(np.arange(len(words)), words + self.counts)
        place = np.arange(start[-1]) - start[sentence]
        leaves = place < words[sentence]
        inner = np.flatnonzero(~leaves)
        rows = (self.start[sentence] + place - words[sentence])[inner]
        children = np.full((start[-1], 2), -1, np.int32)
        children[inner] = self.merges[rows] + start[sentence[inner], None]
        parents = np.full(start[-1], -1, np.int32)
        parents[children[inner]] = inner[:, None]
        return Nodes(start, children, parents, leaves, inner, rows)

    def spans(self) -> Array:
        """Return the span of each node, int32 (W, 2), in the places of ``merges``."""
        nodes = self.nodes()
        found = np.zeros((len(self.ids), 2), np.int32)
        found[nodes.rows] = nodes.spans()[nodes.inner]
        return found


class Nodes(NamedTuple):
    """Nodes in the form that the core takes."""

    start: Array
    children: Array  # (M, 2)
    parents: Array  # -1 where there is none
    leaves: Array  # bool (M,)
    inner: Array  # where the other nodes are
    rows: Array  # where their merges are

    def spans(self) -> Array:
        """Return the span of words below each node: the first, counted within its sentence, and one after the last."""
        spans: Array = _core.load("float32").tree_spans(self.start, self.parents)
        return spans


def ranges(start: Array, which: Array) -> tuple[Array, Array]:
    """Return the indices from start[i] to start[i + 1] for each i of ``which``, and where each such run begins."""
    sizes = start[which + 1] - start[which]
    begin = np.concatenate([[0], np.cumsum(sizes)])
    return np.arange(begin[-1]) + np.repeat(start[which] - begin[:-1], sizes), begin


def as_sentences(sentences: Any) -> list[list[str]]:
    """Check that sentences hold words."""
    sentences = as_list(sentences, "sentences", "lists of words, as words_of gives them")
    for sentence in sentences:
        listed = isinstance(sentence, Iterable) and not isinstance(sentence, str)
        if not listed or not all(isinstance(word, str) for word in sentence):
            raise TypeError(f"sentences must hold lists of words, as words_of gives them; received {sentence!r}")
    if not sentences or not all(map(len, sentences)):
        raise ValueError("sentences must hold a word at least in each; received none")
    return [list(sentence) for sentence in sentences]


def trees_of(sentences: Sentences, words: Sequence[Sequence[str]]) -> Trees:
    """Return the trees of complete merges, with the words as written."""
    nodes = sentences.nodes()
    written = np.full(len(nodes.leaves), None)
    written[nodes.leaves] = [word for sentence in words for word in sentence]
    # In post-order a node comes after those that end before it, and after shorter ones with the same end.
    span, tree = nodes.spans(), np.repeat(np.arange(len(words)), np.diff(nodes.start))
    order = np.lexsort((span[:, 1] - span[:, 0], span[:, 1], tree))
    place = np.empty(len(order) + 1, np.int32)
    place[order], place[-1] = np.arange(len(order)), -1
    return Trees(nodes.start, place[nodes.parents[order]], written[order].tolist())
