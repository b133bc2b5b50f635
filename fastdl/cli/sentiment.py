"""``fastdl train sentiment``, and ``fastdl predict`` with what it wrote."""

from __future__ import annotations

import argparse
import math
import sys
from time import perf_counter
from typing import Any

import numpy as np

from .. import get_num_threads, load
from .._types import Array
from ..callbacks import Callback, EarlyStopping
from ..datasets import Trees, Vocabulary
from ..layers.recursive import COMPOSITIONS
from ..recipes import tree_classifier
from ..sequential import Sequential
from ..trees.drawing import draw_tree, save_picture
from .common import add_common, check_common, check_file, check_outputs, communicator_for, saving, watching
from .mistakes import Mistake, diverging, of_option, reading
from .trees import are_trees, files_of, parsed, read_treebank, tell_unknown_words, typed_trees, words


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add what ``train sentiment`` takes."""
    parser.description = "Train a recursive network on trees with labels, such as the Stanford Sentiment Treebank's."
    parser.set_defaults(run=_train)
    parser.add_argument(
        "--trees", metavar="DIR", required=True, help="train.txt, dev.txt and test.txt of bracketed trees"
    )
    parser.add_argument(
        "--composition",
        choices=COMPOSITIONS,
        default="lstm",
        help="how a node is computed from its children (%(default)s)",
    )
    parser.add_argument(
        "--units", type=int, help="size of the vectors of words and nodes (lstm 100, matrix 50, tensor 30)"
    )
    add_common(parser, epochs=None, batch_size=25, lr=2e-3)
    parser.add_argument(
        "--patience",
        type=int,
        default=5,
        metavar="N",
        help="stop after N epochs without improvement (%(default)s)",
    )


def _train(options: argparse.Namespace) -> None:
    check_common(options, "units", "patience")
    communicator = communicator_for(options)
    check_outputs(options, *files_of(options.trees))
    train, dev, test = read_treebank(options.trees, labels=True)
    if len(train.names) < 2:
        raise Mistake(f"--trees must have nodes of at least 2 labels; {options.trees} has {len(train.names)}")
    vocabulary = Vocabulary.of_words(words(train))
    with of_option("--units"):
        recipe = tree_classifier(
            len(train), len(vocabulary), len(train.names), composition=options.composition, units=options.units,
            epochs=options.epochs, batch_size=options.batch_size, lr=options.lr, seed=options.seed,
        )  # fmt: skip
    net = recipe.net
    net.notes = {"vocabulary": vocabulary.tokens, "labels": train.names}
    print(
        f"{options.composition}: {net.parameters.size:,} parameters, {len(train):,} trees of "
        f"{len(train.words):,} nodes, {len(vocabulary):,} words, {get_num_threads()} threads",
        flush=True,
    )
    best = EarlyStopping("val_accuracy", patience=options.patience)  # of all nodes, which varies less
    measured = "dev {val_accuracy:.2%}, roots {val_roots:.2%}"
    start = perf_counter()
    roots = _Roots(dev, dev.encode(vocabulary))
    watchers = [roots, *watching("trees", options.log, measured), best, *saving(options.save, "val_accuracy")]
    with diverging():
        net.fit(
            train.encode(vocabulary), train.labels, trees=train, verbose=0, callbacks=watchers,
            validation_data=(dev.encode(vocabulary), dev.labels, dev), communicator=communicator, **recipe.arguments,
        )  # fmt: skip
    total = perf_counter() - start
    print(f"epoch {best.best_epoch} was best on dev; {total:.1f} s")
    print("\n".join(table(test, accuracies(net, test, test.encode(vocabulary)))))


class _Roots(Callback):
    """Adds the accuracy on whole trees of the dev set, before others see the figures."""

    def __init__(self, trees: Trees, ids: Array) -> None:
        self._trees, self._ids = trees, ids

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        logs["val_roots"] = accuracies(net, self._trees, self._ids)[0][1]


def accuracies(net: Sequential, trees: Trees, ids: Array) -> list[tuple[float, float]]:
    """Return the accuracy on all nodes and on the roots; if labels are odd in number, also positive against negative.

    Nodes without a label do not count; for positive against negative, neutral ones do not count either, and the
    probabilities of all labels above the middle are added up, as are those below it.
    """
    logits = net.predict(ids, trees=trees)
    labels, classes = trees.labels, logits.shape[1]
    pairs = [_shares(logits.argmax(axis=1) == labels, labels >= 0, trees.roots)]
    if classes > 2 and classes % 2:
        middle = classes // 2
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        positive = odds[:, middle + 1 :].sum(axis=1) > odds[:, :middle].sum(axis=1)
        pairs.append(_shares(positive == (labels > middle), (labels >= 0) & (labels != middle), trees.roots))
    return pairs


def _shares(right: Array, counts: Array, roots: Array) -> tuple[float, float]:
    of_roots = counts[roots]
    shares = (right[counts], right[roots][of_roots])
    every, root = (float(part.mean()) if len(part) else math.nan for part in shares)
    return every, root


def table(trees: Trees, pairs: list[tuple[float, float]]) -> list[str]:
    """Return a table of accuracies as lines."""
    titles = (f"{len(trees.names)} labels", "positive or negative")
    lines = [f"{'test accuracy':22}{'all nodes':>10}{'roots':>10}"]
    return lines + [f"{title:22}{every:10.2%}{root:10.2%}" for title, (every, root) in zip(titles, pairs, strict=False)]


def predict(net: Sequential, options: argparse.Namespace) -> None:
    """Draw the trees that the options name, with labels."""
    try:
        vocabulary, names = Vocabulary(net.notes["vocabulary"], True), list(net.notes["labels"])
        if net.output_shape != (None, len(names)) or not all(isinstance(name, str) for name in names):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise Mistake(f"{options.network} must be what train sentiment --save wrote; it is another network") from None
    check_file("picture", options.picture, options.network, options.parser, *options.inputs)
    trees = _trees(options, names)
    tell_unknown_words(trees, vocabulary, options.network)
    colour = sys.stdout.isatty()
    for i, tree in enumerate(tree for part in trees for tree in part):
        logits = net.predict(tree.encode(vocabulary), trees=tree)
        labelled = tree.with_labels(logits.argmax(axis=1), names)
        if i:
            print()
        print(draw_tree(labelled, colour=colour))
        if options.picture is not None and i == 0:
            with of_option("--picture"):
                save_picture(labelled, options.picture)


def _trees(options: argparse.Namespace, names: list[str]) -> list[Trees]:
    """Return the trees of each input."""
    if options.trees:
        if options.parser is not None:
            raise Mistake("--parser must be left out with --trees: it is for plain sentences")
        return typed_trees(options.inputs)
    for text in options.inputs:
        if are_trees(text, names):
            raise Mistake(f"INPUT must be sentences, unless --trees says that it is trees; received {text}")
    with reading("--parser"):
        parser = None if options.parser is None else load(options.parser)
    return parsed(options.inputs, options.parser, parser)
