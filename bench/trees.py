"""The work on trees: sentiment training on a treebank or, if none is given, on Python's expressions."""

from __future__ import annotations

import os
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import reference

from fastdl.datasets import Vocabulary, expression_trees, read_trees

VARIABLE = "BENCH_TREES"  # names a file of bracketed trees with labels from 0 to 4, such as sentiment's train.txt
UNITS, CLASSES, BATCH, RATE = 30, 5, 25, 2e-3
CHECKED_STEPS, CHECKED_RATE, CHECKED_TREES = 3, 0.1, 4
FEW = 10  # batches of those that take one node after another


@cache
def trees():
    """Return trees with a label at every node; without labels of their own, the height of the node."""
    if path := os.environ.get(VARIABLE):
        return read_trees(path, names=[str(i) for i in range(CLASSES)])
    found = expression_trees(8544)
    return found.with_labels(np.minimum(found.height, CLASSES - 1))


def source() -> str:
    """Say what the trees are."""
    path = os.environ.get(VARIABLE)
    what = f"trees of `{Path(path).name}`" if path else "expressions of Python's standard library"
    return f"{len(trees()):,} {what}, {len(tokens()):,} nodes"


@cache
def vocabulary():
    return Vocabulary.of_words(word for word in trees().words if word is not None)


@cache
def tokens():
    """Ids of the leaves' words, -1 elsewhere."""
    return trees().encode(vocabulary())


def flop() -> float:
    """Operations of an epoch: forward and both gradients of the composition and of the logits."""
    nodes, leaves = len(tokens()), int(trees().leaves.sum())
    return 3.0 * ((nodes - leaves) * 2 * 2 * UNITS * UNITS + nodes * 2 * UNITS * CLASSES)


def few_share() -> float:
    """Return the share of an epoch's nodes that the first batches have."""
    return int(trees().start[FEW * BATCH]) / len(tokens())


@cache
def start():
    """Embedding, and weight and bias of the composition and of the dense layer."""
    rng = np.random.default_rng(9)
    limit = 1 / np.sqrt(UNITS)
    shapes = {
        "embedding": (len(vocabulary()), UNITS), "weight": (UNITS, 2 * UNITS), "bias": UNITS,
        "dense_weight": (CLASSES, UNITS), "dense_bias": CLASSES,
    }  # fmt: skip
    return {name: rng.uniform(-limit, limit, shape).astype("float32") for name, shape in shapes.items()}


class Layered(NamedTuple):
    """Some trees, with their nodes in rows: the leaves first, then height by height."""

    tokens: np.ndarray  # of the leaves
    children: list[np.ndarray]  # of each height from 1 on, (nodes, 2): their rows
    labels: np.ndarray  # of each row
    rows: np.ndarray  # of each node


def layered(first: int, last: int) -> Layered:
    """Arrange the trees ``first`` to ``last``."""
    part, ids = trees()[first:last], tokens()[trees().part(first, last)]
    order = np.argsort(part.height, kind="stable")
    rows = np.argsort(order)
    children = rows[part.children(2)[order]]
    ends = np.cumsum(np.bincount(part.height)).tolist()
    return Layered(ids[order[: ends[0]]], [children[a:b] for a, b in pairwise(ends)], part.labels[order], rows)


@cache
def batches():
    """All batches of an epoch, in the order of the trees."""
    count = len(trees())
    return [layered(first, min(first + BATCH, count)) for first in range(0, count, BATCH)]


def _forward(p, first, last):
    """Return some trees, their leaves' vectors, their nodes' children and vectors, and the logits."""
    part, ids = trees()[first:last], tokens()[trees().part(first, last)]
    below = [[] if leaf else pair.tolist() for leaf, pair in zip(part.leaves, part.children(2), strict=True)]
    x = np.where(part.leaves[:, None], p["embedding"][ids], 0)
    h = reference.recursive("matrix", x, below, {name: p[name] for name in ("weight", "bias")})[0]
    return part, ids, x, below, h, h @ p["dense_weight"].T + p["dense_bias"]


@cache
def result():
    """Logits of all nodes of the first trees after three steps of gradient descent."""
    p = {name: w.astype(float) for name, w in start().items()}
    for step in range(CHECKED_STEPS):
        part, ids, x, below, h, logits = _forward(p, step * BATCH, (step + 1) * BATCH)
        g = {"embedding": np.zeros_like(p["embedding"])}
        d = reference.cross_entropy_backward(logits, part.labels)
        dh, g["dense_weight"], g["dense_bias"] = reference.dense_backward(d, h, p["dense_weight"])
        composition = {name: p[name] for name in ("weight", "bias")}
        dx, gradients = reference.recursive_backward("matrix", dh, x, below, composition)
        g |= gradients
        np.add.at(g["embedding"], ids[part.leaves], dx[part.leaves])
        p = {name: w - CHECKED_RATE * g[name] for name, w in p.items()}
    return _forward(p, 0, CHECKED_TREES)[-1]
