"""What the commands for trees share: a treebank's files, and the tree of a sentence."""

from __future__ import annotations

import os

from ..datasets import Trees, Vocabulary, expression_words, read_trees, words_of
from ..model import Sequential
from ..parsing import parse, right_branching
from .common import Mistake, reading


def read_treebank(folder: str) -> list[Trees]:
    """Read the binary trees of a folder's three files, with the labels of the first."""
    with reading("--trees"):
        train = read_trees(os.path.join(folder, "train.txt"))
        others = [read_trees(os.path.join(folder, f"{name}.txt"), names=train.names) for name in ("dev", "test")]
    return [trees.binarize() for trees in (train, *others)]


def words(trees: Trees) -> list[str]:
    """Give the words of all leaves."""
    return [word for word in trees.words if word is not None]


def parsed(sentence: str, path: str, net: Sequential | None, beam: int = 1) -> Trees:
    """Give the tree of a sentence: that of a parser, which was at this path, or else one that branches to the right."""
    tokens = expression_words(sentence) if net is not None and net.notes.get("python") else words_of(sentence)
    if not tokens:
        raise Mistake("a sentence must have a word; received none")
    if net is None:
        return right_branching([tokens])
    try:
        return parse(net, Vocabulary(net.notes["vocabulary"], True), [tokens], beam=beam)
    except (KeyError, TypeError, ValueError) as error:
        raise Mistake(f"{path} must be what train parser --save wrote; {error}") from None
