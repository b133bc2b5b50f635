"""Parsing by merging neighbours: the search (article 7; Socher et al. 2011)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import _core
from ..._threads import get_num_threads
from ..._types import Array
from ..._validation.values import as_int, check_is
from ...layers import Dense, Embedding, Recursive
from ...layers.activation import name_and_setting
from ...sequential import Sequential
from ...text.vocabulary import Vocabulary
from ..arrays import Trees
from .merges import Sentences, as_sentences, trees_of

_WIDEST = 1024  # beam


class Parser(NamedTuple):
    """The parts of a parser's network, checked."""

    net: Sequential
    embedding: Embedding
    recursive: Recursive
    score: Dense

    @classmethod
    def of(cls, net: Sequential, vocabulary: Vocabulary) -> Parser:
        """Check that a network is a parser for the vocabulary, and give its parts."""
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
        """Call the core's ``parse``."""
        layer, dtype = self.recursive, self.net.dtype
        score = np.append(self.score.params["weight"], self.score.params["bias"]).astype(dtype)
        leaves = np.ascontiguousarray(self.embedding.params["weight"][sentences.ids])
        parameters, _ = layer.flat
        return _core.load(dtype).parse(
            layer.composition, *name_and_setting(layer.activation), layer.units, parameters, 0, score, leaves,
            sentences.start, gold, penalty, beam, get_num_threads(),
        )  # fmt: skip


def parse(net: Sequential, vocabulary: Vocabulary, sentences: Iterable[Sequence[str]], *, beam: int = 1) -> Trees:
    """Find a tree for each sentence: merge the neighbours whose parent has the highest score, until one node is left.

    Parameters
    ----------
    net : Sequential
        A network such as `models.tree_parser` makes.
    vocabulary : Vocabulary
    sentences : iterable of sequences of str
        The words of each sentence, at least one.
    beam : int
        The number of sequences of merges to follow, for the tree with the highest sum of scores; 1 is the greedy
        parser.

    Returns
    -------
    Trees
        Binary, without labels.
    """
    network, beam = Parser.of(net, vocabulary), as_beam(beam)
    words = as_sentences(sentences)
    start = np.concatenate([[0], np.cumsum([len(sentence) for sentence in words])])
    ids = np.array([vocabulary.encode_one(word) for sentence in words for word in sentence])
    found = Sentences(ids, start, np.zeros((len(ids), 2), np.int32), np.diff(start) - 1)
    with net.turn.lock:
        merges = network.search(found, beam)[0]
    return trees_of(found._replace(merges=merges), words)


def as_beam(beam: Any, name: str = "beam") -> int:
    """Check a beam."""
    return as_int(beam, name, most=_WIDEST)
