"""Parsing by merging neighbours, and its training by a margin (article 7; Socher et al. 2011)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .._threads import get_num_threads
from .._types import Array
from .._validation.values import as_int, as_list, as_number, check_is
from ..callbacks import Callback, as_callbacks
from ..history import History
from ..layers import Dense, Embedding, Recursive
from ..optimizers import Optimizer
from ..samples import Forest
from ..sequential import Sequential
from ..stepping import take_pass
from ..text.vocabulary import Vocabulary
from ..training import run_epochs
from .arrays import Trees

__all__ = ["balanced", "bracket_f1", "fit_parser", "parse", "right_branching"]

_WIDEST = 1024  # beam


class Sentences(NamedTuple):
    """Sentences of word ids, one after another, each with merges of them: a tree, or parts of one.

    ``merges[first + j]`` are the two children of node j of a sentence whose n words begin at ``first``; its words are
    counted first, as 0 to n - 1, and its ``counts`` nodes after them, each after its children.
    """

    ids: Array  # (W,)
    start: Array  # (N + 1,)
    merges: Array  # int32 (W, 2)
    counts: Array  # (N,), n - 1 of a whole tree

    def part(self, which: Array) -> Sentences:
        """Give some of them."""
        words, start = _ranges(self.start, which)
        return Sentences(self.ids[words], start, self.merges[words], self.counts[which])

    def nodes(self) -> Nodes:
        """Give the nodes as the core takes them: a sentence's words first, then its merges."""
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


class Nodes(NamedTuple):
    """Nodes as the core takes them."""

    start: Array
    children: Array  # (M, 2)
    parents: Array  # -1 where there is none
    leaves: Array  # bool (M,)
    inner: Array  # where the other nodes are
    rows: Array  # where their merges are


def _ranges(start: Array, which: Array) -> tuple[Array, Array]:
    """Give the places from start[i] to start[i + 1] for each i of ``which``, and where each run of them begins."""
    sizes = start[which + 1] - start[which]
    begin = np.concatenate([[0], np.cumsum(sizes)])
    return np.arange(begin[-1]) + np.repeat(start[which] - begin[:-1], sizes), begin


def _sentences(trees: Trees, vocabulary: Vocabulary) -> Sentences:
    """Take the words and the nodes of binary trees."""
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
    return Sentences(trees.encode(vocabulary)[leaves], start, merges, words - 1)


class _Network(NamedTuple):
    """The parts of a parser's network, checked."""

    net: Sequential
    embedding: Embedding
    recursive: Recursive
    score: Dense

    @classmethod
    def of(cls, net: Sequential, vocabulary: Vocabulary) -> _Network:
        check_is(net, "net", Sequential)
        check_is(vocabulary, "vocabulary", Vocabulary)
        kinds = [type(layer) for layer in net.layers]
        fits = kinds == [Embedding, Recursive, Dense] and net.output_shape == (None, 1) and net.arity == 2
        if not fits or net.layers[-1].activation != "identity":  # type: ignore[attr-defined]
            raise ValueError(
                "net must be a parser, as models.tree_parser makes it: an Embedding, a Recursive layer of two children "
                "that returns nodes, and a Dense layer of one unit without an activation; "
                f"received {', '.join(map(repr, net.layers))}"
            )
        network = cls(net, *net.layers)  # type: ignore[arg-type]
        if len(vocabulary) > network.embedding.vocabulary:
            raise ValueError(
                f"vocabulary must hold at most {network.embedding.vocabulary} words, which net knows; "
                f"received {len(vocabulary)}"
            )
        return network

    def search(self, sentences: Sentences, beam: int, gold: Array | None = None, penalty: float = 0.0) -> Any:
        """Give what the core's ``parse`` gives."""
        layer, dtype = self.recursive, self.net.dtype
        score = np.append(self.score.params["weight"], self.score.params["bias"]).astype(dtype)
        leaves = np.ascontiguousarray(self.embedding.params["weight"][sentences.ids])
        parameters, _, offset = layer._flat
        return _core.load(dtype).parse(
            layer.composition, layer.activation, layer.units, parameters, offset, score, leaves, sentences.start, gold,
            penalty, beam, get_num_threads(),
        )  # fmt: skip


def parse(net: Sequential, vocabulary: Vocabulary, sentences: Iterable[Sequence[str]], *, beam: int = 1) -> Trees:
    """Find a tree for each sentence: merge the neighbours whose parent has the highest score, until one node is left.

    Parameters
    ----------
    net : Sequential
        As `models.tree_parser` makes it.
    vocabulary : Vocabulary
    sentences : iterable of sequences of str
        Words, of which there is one at least in each.
    beam : int
        How many sequences of merges to follow, for the tree with the highest sum of scores: 1 is the greedy parser.

    Returns
    -------
    Trees
        Binary, without labels.
    """
    network, beam = _Network.of(net, vocabulary), as_beam(beam)
    words = _as_sentences(sentences)
    start = np.concatenate([[0], np.cumsum([len(sentence) for sentence in words])])
    ids = np.array([vocabulary.encode_one(word) for sentence in words for word in sentence])
    found = Sentences(ids, start, np.zeros((len(ids), 2), np.int32), np.diff(start) - 1)
    with net._turn.lock:
        merges = network.search(found, beam)[0]
    return _trees(found._replace(merges=merges), words)


def _as_sentences(sentences: Any) -> list[list[str]]:
    """Check that sentences hold words."""
    sentences = as_list(sentences, "sentences", "lists of words, as words_of gives them")
    for sentence in sentences:
        listed = isinstance(sentence, Iterable) and not isinstance(sentence, str)
        if not listed or not all(isinstance(word, str) for word in sentence):
            raise TypeError(f"sentences must hold lists of words, as words_of gives them; received {sentence!r}")
    if not sentences or not all(map(len, sentences)):
        raise ValueError("sentences must hold a word at least in each; received none")
    return [list(sentence) for sentence in sentences]


def as_beam(beam: Any, name: str = "beam") -> int:
    """Give a beam that memory has room for."""
    return as_int(beam, name, most=_WIDEST)


def _trees(sentences: Sentences, words: Sequence[Sequence[str]]) -> Trees:
    nodes = sentences.nodes()
    written = np.full(len(nodes.leaves), None)
    written[nodes.leaves] = [word for sentence in words for word in sentence]
    # In post-order a node comes after what ends before it does, and after what ends with it and is shorter.
    span, tree = _spans(nodes), np.repeat(np.arange(len(words)), np.diff(nodes.start))
    order = np.lexsort((span[:, 1] - span[:, 0], span[:, 1], tree))
    place = np.empty(len(order) + 1, np.int32)
    place[order], place[-1] = np.arange(len(order)), -1
    return Trees(nodes.start, place[nodes.parents[order]], written[order].tolist())


def right_branching(sentences: Iterable[Sequence[str]]) -> Trees:
    """Give the trees (a (b (c d))): what a parser has to be better than."""
    return _baseline(sentences, lambda n: [(n - 2 - j, n - 1 if j == 0 else n - 1 + j) for j in range(n - 1)])


def balanced(sentences: Iterable[Sequence[str]]) -> Trees:
    """Give trees that part every span in the middle, ((a b) (c d)): what a parser has to be better than."""
    return _baseline(sentences, _balanced_merges)


def _baseline(sentences: Iterable[Sequence[str]], merges: Any) -> Trees:
    words = _as_sentences(sentences)
    start = np.concatenate([[0], np.cumsum([len(sentence) for sentence in words])])
    rows = [pair for sentence in words for pair in (*merges(len(sentence)), (0, 0))]
    return _trees(Sentences(np.zeros(start[-1], int), start, np.array(rows, np.int32), np.diff(start) - 1), words)


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


def bracket_f1(found: Trees, gold: Trees) -> float:
    """Compare the spans of trees over the same sentences, without labels.

    Single words and whole sentences, which no tree can miss, do not count.

    Parameters
    ----------
    found, gold : Trees

    Returns
    -------
    float
        The harmonic mean of precision and recall over all sentences; 1 where there is nothing to miss.
    """
    check_is(found, "found", Trees)
    check_is(gold, "gold", Trees)
    if len(found) != len(gold) or [len(s) for s in found.sentences()] != [len(s) for s in gold.sentences()]:
        raise ValueError("found and gold must be of the same sentences; received others")
    ours, theirs = _brackets(found), _brackets(gold)
    total = len(ours) + len(theirs)
    return 2 * len(np.intersect1d(ours, theirs)) / total if total else 1.0


def _brackets(trees: Trees) -> Array:
    """Give a number for each tree and span of it that counts."""
    spans, longest = trees.spans().astype(np.int64), int(trees.spans().max()) + 1
    tree = np.repeat(np.arange(len(trees)), np.diff(trees.start))
    counts = spans[:, 1] - spans[:, 0] > 1
    counts[trees.roots] = False
    return np.unique(((tree * longest + spans[:, 0]) * longest + spans[:, 1])[counts])


def fit_parser(
    net: Sequential,
    vocabulary: Vocabulary,
    trees: Trees,
    *,
    optimizer: Optimizer | None = None,
    epochs: int = 1,
    batch_size: int = 25,
    penalty: float = 0.1,
    beam: int = 1,
    validation_trees: Trees | None = None,
    callbacks: Iterable[Callback] = (),
) -> History:
    """Train a parser by a margin (article 7's objective).

    For each sentence x with the tree y, s(y) is to be above s(y') + penalty * (nodes of y' that are no subtrees of y),
    for every other tree y': the loss is by how much the y' that is most ahead is ahead. It is searched as `parse` does,
    with the penalties added to the scores: a node's vector depends on all that is below it, so that no dynamic
    programming over spans finds the best tree. And as this search may miss it, both are compared after every merge, as
    far as they are built, where y' is most ahead (the largest violation; Huang, Fayong and Guo 2012).

    Parameters
    ----------
    net : Sequential
        As `models.tree_parser` makes it.
    vocabulary : Vocabulary
    trees : Trees
        Binary.
    optimizer : Optimizer, optional
        As of `Sequential.fit`. Its weight decay is the article's regularization.
    epochs, batch_size : int
    penalty : float
        For each node that is no subtree of the right tree (the article's k).
    beam : int
        Of the search.
    validation_trees : Trees, optional
        Parsed greedily after each epoch.
    callbacks : iterable of Callback

    Returns
    -------
    History
        `loss` and `accuracy`, the share of sentences of which no tree was ahead, and `val_f1`.
    """
    network = _Network.of(net, vocabulary)
    epochs, batch_size = as_int(epochs, "epochs"), as_int(batch_size, "batch_size")
    penalty, beam = as_number(penalty, "penalty"), as_beam(beam)
    for name, given in (("trees", trees), ("validation_trees", validation_trees)):
        if given is not None or name == "trees":
            check_is(given, name, Trees)
        if given is not None and (given.child_counts()[given.height > 0] != 2).any():
            raise ValueError(f"{name} must have 2 children at every node that is no leaf: Trees.binarize makes them so")
    data = _sentences(trees, vocabulary)
    which = np.flatnonzero(np.diff(data.start) > 2)  # there is one tree alone over two words
    if not len(which):
        raise ValueError("trees must hold a sentence of three words; all are shorter")
    data = data.part(which)
    gold = _gold_spans(data)
    figures = ["loss", "accuracy", *(["val_f1"] if validation_trees is not None else [])]
    watchers, core = as_callbacks(callbacks, figures), _core.load(net.dtype)

    def train(epoch: int) -> dict[str, float]:
        with net._turn.lock:
            order, rates = net._rng.permutation(len(which)), state.rates(steps)

        def run(first: int, rates: Array, records: Array) -> None:
            batch = order[first * batch_size : (first + 1) * batch_size]
            loss, found = _step(network, data.part(batch), gold[_ranges(data.start, batch)[0]], penalty, beam)
            core.optimizer_step(
                state.optimizer._core(), rates[0], state.steps + 1, net.parameters, net.gradients, state.moments
            )
            records[0] = loss, found, len(batch)
            state.counter[0] += 1

        return take_pass(
            net, state, run, rates, samples=len(which), batch=batch_size, figures=_figures, epoch=epoch,
            watchers=watchers, alone=True,
        )  # fmt: skip

    def validate() -> dict[str, float]:
        if validation_trees is None:
            return {}
        return {"val_f1": bracket_f1(parse(net, vocabulary, validation_trees.sentences()), validation_trees)}

    with net._turn.training():
        state = net._training.following(None, optimizer, net.parameters.size, net.dtype)
        steps = -(-len(which) // batch_size)
        state.rates(steps)
        net._training = state
        return run_epochs(net, range(1, epochs + 1), len(which), watchers, train, validate)


def _figures(loss: float, accuracy: float) -> dict[str, float]:
    return {"loss": loss, "accuracy": accuracy}


def _gold_spans(data: Sentences) -> Array:
    """Give the span of each node, int32 (W, 2), where its children stand in ``merges``."""
    nodes = data.nodes()
    gold = np.zeros((len(data.ids), 2), np.int32)
    gold[nodes.rows] = _spans(nodes)[nodes.inner]
    return gold


def _spans(nodes: Nodes) -> Array:
    """Give the words below each node, counted from its sentence's first: the first, and one after the last."""
    spans: Array = _core.load("float32").tree_spans(nodes.start, nodes.parents)
    return spans


def _step(network: _Network, batch: Sentences, gold: Array, penalty: float, beam: int) -> tuple[float, int]:
    """Fill the gradients; give the sum of losses, and how many sentences had none."""
    net, size = network.net, len(batch.start) - 1
    merges, right, made, losses = network.search(batch, beam, gold, penalty)
    both = Sentences(
        np.tile(batch.ids, 2),
        np.concatenate([batch.start, batch.start[-1] + batch.start[1:]]),
        np.concatenate([merges, right]),
        np.tile(made, 2),
    )
    nodes = both.nodes()
    x = np.full(len(nodes.leaves), -1, net.dtype)
    x[nodes.leaves] = both.ids
    # A tree's score is the sum over its nodes: the wrong ones down, the right ones up.
    dy = np.zeros((len(nodes.leaves), 1), net.dtype)
    dy[nodes.inner, 0] = np.where(nodes.inner < nodes.start[size], 1 / size, -1 / size)
    net._forward(Forest(x, nodes.start, nodes.children))
    net._backward(dy)
    return float(losses.sum()), int((made == 0).sum())
