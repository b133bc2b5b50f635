"""Trees as arrays: thousands at once, in the form that the core takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._types import Array, ArrayLike
from .._validation.arrays import as_real
from .._validation.values import as_list
from ..text.escapes import escaped
from .brackets import NO_LABEL, read_brackets

if TYPE_CHECKING:
    from ..text.vocabulary import Vocabulary

__all__ = ["Trees"]

_CLOSE = object()
_SPACE = re.compile(r"\s", re.ASCII)
_NAME = re.compile(r"[^()\s]+", re.ASCII)


def _whole(values: Any, name: str, dtype: Any) -> Array:
    """Check and copy integers; nobody can change the copy, on which the core relies."""
    array = as_real(values, name)
    if (array.dtype.kind not in "iu" and array.size) or array.ndim != 1:
        raise ValueError(f"{name} must be integers (M,); received shape {array.shape} of dtype {array.dtype}")
    kept = np.iinfo(dtype)
    if array.size and (array.min() < kept.min or array.max() > kept.max):
        raise ValueError(f"{name} must be from {kept.min} to {kept.max}; received {array.min()} to {array.max()}")
    return _frozen(array.astype(dtype))


def _frozen(array: Array) -> Array:
    """Copy an array to memory that is read-only for good."""
    return np.frombuffer(array.tobytes(), array.dtype)


class Trees:
    """Many trees, one after another, each in post-order: a node comes after its children.

    Parameters
    ----------
    start : array_like of int, shape (N + 1,)
        The first node of each tree, and M at the end.
    parents : array_like of int, shape (M,)
        The parent of each of the M nodes, counted over all trees; -1 for a root.
    words : sequence of str or None, length M
        The words of the leaves; None for other nodes.
    labels : array_like of int, shape (M,), optional
        The label of each node, -1 for none, which is the default.
    names : sequence of str
        The names of the labels.

    Attributes
    ----------
    height : ndarray of int32, shape (M,)
        0 for a leaf, otherwise one more than the highest child's.
    leaves : ndarray of bool, shape (M,)
    roots : ndarray of int, shape (N,)

    Notes
    -----
    ``len(trees)`` is N; ``trees[i]``, ``trees[i:j]`` and ``trees[[i, j]]`` are Trees too.
    """

    start: Array
    parents: Array
    labels: Array
    height: Array

    def __init__(
        self,
        start: ArrayLike,
        parents: ArrayLike,
        words: Sequence[str | None],
        labels: ArrayLike | None = None,
        names: Sequence[str] = (),
    ) -> None:
        self.words: list[str | None] = as_list(words, "words", "strings")
        self.names: list[str] = as_list(names, "names", "strings")
        if not all(isinstance(name, str) for name in self.names):
            raise TypeError(f"names must be strings; received {self.names!r}")
        nodes = len(self.words)
        self.start, self.parents = _whole(start, "start", np.int64), _whole(parents, "parents", np.int32)
        self.labels = _whole(np.full(nodes, -1) if labels is None else labels, "labels", np.int64)
        sizes = np.diff(self.start)
        if not len(sizes) or self.start[0] != 0 or self.start[-1] != nodes or sizes.min() < 1:
            raise ValueError(f"start must rise from 0 to {nodes}, a node at least for each tree; received {self.start}")
        if len(self.parents) != nodes:
            raise ValueError(f"parents must have shape ({nodes},); received {self.parents.shape}")
        if len(self.labels) != nodes or self.labels.min() < -1:
            raise ValueError(f"labels must be {nodes} integers from -1 on; received shape {self.labels.shape}")
        if self.names and self.labels.max() >= len(self.names):
            raise ValueError(f"labels must be below {len(self.names)}, as names has them; received {self.labels.max()}")
        height = _core.load("float32").tree_heights(self.start, self.parents)
        if height is None:
            raise ValueError(
                f"parents must make trees in post-order, with -1 for the last node of each; received {self.parents}"
            )
        self.height = _frozen(height)
        self._check_words()

    def _check_words(self) -> None:
        leaves = (self.height == 0).tolist()
        for word, leaf in zip(self.words, leaves, strict=True):
            if (word is None) is leaf:
                raise ValueError(
                    f"words must hold a word for each leaf, and None for every other node; received {word!r}"
                )
            if leaf and not (isinstance(word, str) and word and not _SPACE.search(word)):
                raise ValueError(f"words must be strings, not empty and without white space; received {word!r}")

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        """Refuse conversion: NumPy would make an array of single trees."""
        raise TypeError("an array of numbers is wanted here; received Trees")

    @classmethod
    def parse(cls, text: str, *, name: str = "text", names: Sequence[str] | None = None) -> Trees:
        """Read bracketed trees, such as ``(4 (2 good) (2 film))``; `datasets.read_trees` reads those of a file.

        Parameters
        ----------
        text : str
        name : str
            The name of the text in errors.
        names : sequence of str, optional
            The names that labels may have; any by default.
        """
        return cls(*read_brackets(text, name, names))

    @classmethod
    def of(cls, nested: Any) -> Trees:
        """Make one tree from nested tuples of words, such as ``("two", ("schools'", "students"))``."""
        parents: list[int] = []
        words: list[str | None] = []
        below: list[list[int]] = [[]]  # the finished children of each open tuple
        waiting: list[Any] = [nested]  # _CLOSE ends a tuple
        while waiting:
            part = waiting.pop()
            if isinstance(part, (tuple, list)) and len(part):
                waiting += [_CLOSE, *part[::-1]]
                below.append([])
                continue
            node = len(words)
            if part is _CLOSE:
                for child in below.pop():
                    parents[child] = node
            elif not isinstance(part, str):
                raise TypeError(f"nested must hold words and tuples of them, none of them empty; received {part!r}")
            parents.append(-1)
            words.append(None if part is _CLOSE else part)
            below[-1].append(node)
        return cls([0, len(words)], parents, words)

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, which: Any) -> Trees:
        trees = np.atleast_1d(np.arange(len(self))[which])
        if not len(trees):
            raise IndexError("no tree is left")
        sizes = self.start[trees + 1] - self.start[trees]
        start = np.concatenate([[0], np.cumsum(sizes)])
        shift = np.repeat(self.start[trees] - start[:-1], sizes)
        nodes = np.arange(start[-1]) + shift
        parents = self.parents[nodes]
        part = object.__new__(Trees)  # without further checks
        part.start = _frozen(start)
        part.parents = _frozen(np.where(parents >= 0, parents - shift, -1).astype(np.int32))
        part.words = [self.words[i] for i in nodes.tolist()]
        part.labels, part.height, part.names = _frozen(self.labels[nodes]), _frozen(self.height[nodes]), self.names
        return part

    def __iter__(self) -> Iterator[Trees]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Trees(trees={len(self)}, nodes={len(self.words)})"

    @property
    def leaves(self) -> Array:
        """Whether each node is a leaf, bool (M,)."""
        leaves: Array = self.height == 0
        return leaves

    @property
    def roots(self) -> Array:
        """The root of each tree, (N,)."""
        roots: Array = self.start[1:] - 1
        return roots

    def children(self, arity: int) -> Array:
        """Return each node's children, int32 (M, arity), -1 for none.

        Raises
        ------
        ValueError
            If a node has more than arity children.
        """
        children = np.full((len(self.words), arity), -1, np.int32)
        below = np.flatnonzero(self.parents >= 0)
        below = below[np.argsort(self.parents[below], kind="stable")]
        owners = self.parents[below]
        slots = np.arange(len(below)) - np.searchsorted(owners, owners)
        if len(slots) and slots.max() >= arity:
            raise ValueError(f"arity must be at least {slots.max() + 1}, the most children of a node; received {arity}")
        children[owners, slots] = below
        return children

    def child_counts(self) -> Array:
        """Return the number of children of each node, (M,)."""
        return np.bincount(self.parents[self.parents >= 0], minlength=len(self.words))

    def label(self, node: int) -> str:
        """Return the name of a node's label, @ for none."""
        label = int(self.labels[node])
        return NO_LABEL if label < 0 else self.names[label] if label < len(self.names) else str(label)

    def sentences(self) -> list[list[str]]:
        """Return the words of each tree."""
        return [
            [word for word in self.words[a:b] if word is not None]
            for a, b in zip(self.start[:-1].tolist(), self.start[1:].tolist(), strict=True)
        ]

    def brackets(self) -> list[str]:
        """Return a line of brackets for each tree, as `parse` and `datasets.read_trees` read them.

        Raises
        ------
        ValueError
            If a label's name could not be read again: one with white space or brackets, @, or the same name twice.
        """
        for name, count in Counter(self.names).items():
            if count > 1 or name == NO_LABEL or not _NAME.fullmatch(name):
                raise ValueError(f"names must be different, without spaces and brackets, and not @; received {name!r}")
        return [self._brackets(a, b) for a, b in zip(self.start[:-1].tolist(), self.start[1:].tolist(), strict=True)]

    def spans(self) -> Array:
        """Return the span of words below each node, int32 (M, 2): the first one in its tree, and one after the last."""
        spans: Array = _core.load("float32").tree_spans(self.start, self.parents)
        return spans

    def encode(self, vocabulary: Vocabulary) -> Array:
        """Return the ids of the leaves' words, int64 (M,), and -1 for every other node."""
        return np.array([-1 if word is None else vocabulary.encode_one(word) for word in self.words], np.int64)

    def with_labels(self, labels: ArrayLike, names: Sequence[str] | None = None) -> Trees:
        """Return the same trees with other labels, int (M,)."""
        names = self.names if names is None else names
        return Trees(self.start, self.parents, self.words, labels, names)

    def without(self, label: str) -> Trees:
        """Return the trees without the words of a label, and without the nodes and trees that then have none.

        So ``without("-NONE-")`` leaves out the Penn Treebank's empty elements, such as traces.

        Raises
        ------
        ValueError
            If no tree is left.
        """
        if label not in self.names:
            return self
        kept = self.leaves & (self.labels != self.names.index(label))
        for node, parent in enumerate(self.parents.tolist()):  # children first
            if parent >= 0 and kept[node]:
                kept[parent] = True
        if not kept.any():
            raise ValueError(f"trees must hold words of another label than {label}; all have it")
        sizes = np.add.reduceat(kept, self.start[:-1], dtype=np.int64)
        parents = np.where(self.parents >= 0, (np.cumsum(kept) - 1)[self.parents], -1)
        words = [self.words[node] for node in np.flatnonzero(kept).tolist()]
        start = np.concatenate([[0], np.cumsum(sizes[sizes > 0])])
        return Trees(start, parents[kept], words, self.labels[kept], self.names)

    def binarize(self) -> Trees:
        """Make trees binary: their nodes have two children or none.

        A node with one child becomes that child, but keeps its own label if it has one. Of more than two children the
        first stays, and the others move below a new node without a label: (X a b c) becomes (X a (@ b c)).
        """
        start = [0]
        parents: list[int] = []
        words: list[str | None] = []
        labels: list[int] = []

        def add(below: Sequence[int], word: str | None, label: int) -> int:
            node = len(words)
            for child in below:
                parents[child] = node
            parents.append(-1)
            words.append(word)
            labels.append(label)
            return node

        counts, old_labels = self.child_counts().tolist(), self.labels.tolist()
        for first, last in zip(self.start[:-1].tolist(), self.start[1:].tolist(), strict=True):
            done: list[int] = []  # the new numbers of nodes that wait for their parent
            for node in range(first, last):
                count, label = counts[node], old_labels[node]
                if count == 1:
                    labels[done[-1]] = label if label >= 0 else labels[done[-1]]
                    continue
                while count > 2:
                    right = done.pop()
                    done.append(add((done.pop(), right), None, -1))
                    count -= 1
                below = done[len(done) - count :]
                del done[len(done) - count :]
                done.append(add(below, self.words[node], label))
            start.append(len(words))
        return Trees(start, parents, words, labels, self.names)

    def part(self, first: int, last: int) -> slice:
        """Return the range of the nodes of trees ``first`` to ``last``."""
        return slice(int(self.start[first]), int(self.start[last]))

    def _brackets(self, first: int, last: int) -> str:
        """Write a tree as brackets."""
        parts: list[str] = []
        open_nodes: list[int] = []  # the ancestors of the node, as the arrays are read from the end
        for node in range(last - 1, first - 1, -1):
            while open_nodes and self.parents[node] != open_nodes[-1]:
                parts.append(f"({self.label(open_nodes.pop())}")
            word = self.words[node]
            if word is not None:
                parts.append(f"({self.label(node)} {escaped(word)})")
            else:
                parts.append(")")
                open_nodes.append(node)
        parts += [f"({self.label(node)}" for node in reversed(open_nodes)]
        return " ".join(reversed(parts)).replace(" )", ")")
