"""The common code of the commands for trees: a treebank's files, and the trees of the user's input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from ..datasets import Trees, Vocabulary, expression_words, read_text, read_trees, words_of
from ..sequential import Sequential
from ..trees.parsing import parse, right_branching
from .common import tell_unknown
from .mistakes import Mistake, reading

_TRACE = "-NONE-"  # the Penn Treebank's label of empty elements


def files_of(folder: str) -> list[str]:
    """Return the paths of a treebank's files."""
    return [os.path.join(folder, f"{name}.txt") for name in ("train", "dev", "test")]


def read_treebank(folder: str, *, labels: bool) -> list[Trees]:
    """Read the binary trees of a folder's three files, with the labels of the first if labels matter."""
    train, *others = files_of(folder)
    with reading("--trees"):
        first = binary(read_trees(train))
        return [first, *(_with_labels_of(first, path) if labels else binary(read_trees(path)) for path in others)]


def _with_labels_of(first: Trees, path: str) -> Trees:
    """Read a file whose labels must be those of another, except for nodes that are left out."""
    trees = read_trees(path)
    used = _labels_in(binary(trees))
    left_out = [name for name in _labels_in(trees) if name not in {*first.names, *used}]
    return binary(read_trees(path, names=[*first.names, *left_out]))


def _labels_in(trees: Trees) -> list[str]:
    """Return the labels that nodes have: of numbers, `names` has those in between too."""
    return [trees.names[label] for label in np.unique(trees.labels).tolist() if label >= 0]


def binary(trees: Trees) -> Trees:
    """Leave out empty elements, and make trees binary."""
    return trees.without(_TRACE).binarize()


def words(trees: Trees) -> list[str]:
    """Return the words of all leaves."""
    return [word for word in trees.words if word is not None]


def typed_trees(inputs: Sequence[str]) -> list[Trees]:
    """Return the trees of each input, brackets or a file of them."""
    with reading("INPUT"):
        return [
            binary(read_trees(text) if os.path.isfile(text) else Trees.parse(text, name="the tree")) for text in inputs
        ]


def are_trees(text: str, names: Sequence[str]) -> bool:
    """Return whether a text or a file has bracketed trees with these labels, rather than sentences."""
    try:
        trees = Trees.parse(read_text(text) if os.path.isfile(text) else text, names=names)
    except (OSError, ValueError):
        return False
    return len(trees.words) > len(trees)  # a few single words may be a sentence: (2 films)


def parsed(inputs: Sequence[str], path: str, net: Sequential | None, beam: int = 1) -> list[Trees]:
    """Return the trees of each input, a sentence or a file with one on each line.

    They are those of a parser, which was read from this path, or branch to the right.
    """
    python = net is not None and bool(net.notes.get("python"))
    sentences = [[_words(place, line, python) for place, line in _lines(text)] for text in inputs]
    if net is None:
        return [right_branching(part) for part in sentences]
    try:
        vocabulary = Vocabulary(net.notes["vocabulary"], True)
        trees = [parse(net, vocabulary, part, beam=beam) for part in sentences]
    except (KeyError, TypeError):
        raise Mistake(f"{path} must be what train parser --save wrote; it is another network") from None
    except ValueError as error:
        raise Mistake(f"{path} must be what train parser --save wrote; {error}") from None
    tell_unknown_words(trees, vocabulary, path)
    return trees


def _lines(text: str) -> list[tuple[str, str]]:
    """Return the sentences of an input, and the place of each."""
    if not os.path.isfile(text):
        return [("a sentence", text)]
    with reading("the input"):
        lines = read_text(text).split("\n")
    found = [(f"{text}:{i}", line) for i, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise Mistake(f"{text} must hold a sentence a line; it holds none")
    return found


def _words(place: str, sentence: str, python: bool) -> list[str]:
    try:
        found = expression_words(sentence) if python else words_of(sentence)
    except ValueError as error:
        raise Mistake(f"{place}: {error}") from None
    if not found:
        raise Mistake(f"{place} must have a word; received none")
    return found


def tell_unknown_words(trees: Iterable[Trees], vocabulary: Vocabulary, path: str) -> None:
    """Print the words that a network does not know."""
    unknown = dict.fromkeys(word for part in trees for word in words(part) if word not in vocabulary)
    tell_unknown("the input has words", path, list(unknown))
