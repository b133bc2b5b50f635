"""``fastdl train parser`` and ``fastdl parse``."""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np

from .. import get_num_threads, load
from .._validation.values import as_number
from ..callbacks import EarlyStopping
from ..datasets import Trees, Vocabulary, expression_trees
from ..layers.recursive import COMPOSITIONS
from ..recipes import tree_parser
from ..trees.drawing import draw_tree, save_picture
from ..trees.parsing import balanced, bracket_f1, fit_parser, parse, right_branching
from ..trees.parsing.search import as_beam
from .common import add_common, check_common, check_file, check_outputs, communicator_for, number, saving, watching
from .mistakes import Mistake, diverging, of_option, reading
from .trees import files_of, parsed, read_treebank, words

_HELD_OUT = 0.1


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add what ``train parser`` takes."""
    parser.description = "Train a parser, by a margin, that merges neighbours, the best pair first."
    parser.set_defaults(run=_train)
    parser.add_argument(
        "--trees",
        metavar="DIR",
        help="train.txt, dev.txt and test.txt of bracketed trees (Python's expressions)",
    )
    parser.add_argument(
        "--composition",
        choices=COMPOSITIONS,
        default="matrix",
        help="how a node is computed from its children (%(default)s)",
    )
    parser.add_argument("--units", type=int, default=100, help="size of the vectors of words and nodes (%(default)s)")
    parser.add_argument("--penalty", type=number, default=0.1, help="margin for each wrong node (%(default)s)")
    parser.add_argument("--weight-decay", type=number, default=1e-6, help="(%(default)s)")
    parser.add_argument("--beam", type=int, default=1, help="beam of the search in training (%(default)s)")
    add_common(parser, epochs=10, batch_size=25, lr=1e-3)


def add_parse(parser: argparse.ArgumentParser) -> None:
    """Add what ``parse`` takes."""
    parser.set_defaults(run=_parse)
    parser.add_argument("model", metavar="MODEL", help="a parser saved by train parser --save")
    parser.add_argument(
        "sentences",
        metavar="SENTENCE",
        nargs="+",
        help="a sentence, or an expression if the parser is for Python; or a file with one on each line",
    )
    parser.add_argument("--beam", type=int, default=1, help="beam of the search; 1 is the greedy parser")
    parser.add_argument("--picture", metavar="FILE", help="where to draw the first tree, as .svg or .png")


def treebank(folder: str | None) -> list[Trees]:
    """Return trees to train, validate and test on: those of a folder, or Python's expressions, shuffled."""
    if folder is not None:
        return read_treebank(folder, labels=False)
    trees = expression_trees()
    order = np.random.default_rng(0).permutation(len(trees))
    held = max(1, int(len(trees) * _HELD_OUT))
    return [trees[part] for part in (order[2 * held :], order[held : 2 * held], order[:held])]


def _train(options: argparse.Namespace) -> None:
    check_common(options, "units")
    as_beam(options.beam, "--beam")
    as_number(options.penalty, "--penalty")
    as_number(options.weight_decay, "--weight-decay")
    if communicator_for(options) is not None:
        raise Mistake("train parser must be a process alone: its search is not shared out")
    check_outputs(options, *([] if options.trees is None else files_of(options.trees)))
    train, dev, test = treebank(options.trees)
    if max(map(len, train.sentences()), default=0) < 3:
        raise Mistake("--trees must hold a sentence of three words; all are shorter")
    vocabulary = Vocabulary.of_words(words(train))
    with of_option("--units"):
        recipe = tree_parser(
            len(train), len(vocabulary), composition=options.composition, units=options.units, penalty=options.penalty,
            weight_decay=options.weight_decay, beam=options.beam, epochs=options.epochs, batch_size=options.batch_size,
            lr=options.lr, seed=options.seed,
        )  # fmt: skip
    net = recipe.net
    net.notes = {"vocabulary": vocabulary.tokens, "python": options.trees is None}
    print(
        f"parser: {net.parameters.size:,} parameters, {len(train):,} trees of {len(train.words):,} nodes, "
        f"{len(vocabulary):,} words, {get_num_threads()} threads",
        flush=True,
    )
    best = EarlyStopping("val_f1", patience=options.epochs)
    start = perf_counter()
    watchers = [*watching("sentences", options.log, "dev F1 {val_f1:.2%}"), best, *saving(options.save, "val_f1")]
    with diverging():
        fit_parser(net, vocabulary, train, validation_trees=dev, callbacks=watchers, **recipe.arguments)
    total = perf_counter() - start
    sentences = test.sentences()
    print(f"epoch {best.best_epoch} was best on dev; {total:.1f} s")
    print("bracket F1 on test, without labels")
    for name, found in (
        ("greedy", parse(net, vocabulary, sentences)),
        ("beam of 16", parse(net, vocabulary, sentences, beam=16)),
        ("right-branching", right_branching(sentences)),
        ("balanced", balanced(sentences)),
    ):
        print(f"{name:16}{bracket_f1(found, test):8.2%}")


def _parse(options: argparse.Namespace) -> None:
    beam = as_beam(options.beam, "--beam")
    check_file("picture", options.picture, options.model, *options.sentences)
    with reading("MODEL"):
        net = load(options.model)
    trees = parsed(options.sentences, options.model, net, beam)
    for i, tree in enumerate(tree for part in trees for tree in part):
        print(tree.brackets()[0])
        print(draw_tree(tree))
        if options.picture is not None and i == 0:
            with of_option("--picture"):
                save_picture(tree, options.picture)
