"""Training a parser by a margin (article 7; Socher et al. 2011)."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

import numpy as np

from ..._types import Array
from ..._validation.values import as_int, as_number, check_is
from ...callbacks import Callback
from ...callbacks.checks import as_callbacks
from ...optimizers import Optimizer
from ...samples import Forest
from ...sequential import Sequential
from ...text.vocabulary import Vocabulary
from ...training.epochs import run_epochs
from ...training.history import History
from ...training.stepping import take_pass
from ..arrays import Trees
from .merges import Sentences, ranges
from .scores import bracket_f1
from .search import Parser, as_beam, parse


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

    For each sentence with the right tree y, the score s(y) is to be above s(y') + penalty * (nodes of y' that are not
    in y), for every other tree y'. The loss is the largest lead of such a y' over y. It is searched as by `parse`, with
    the penalties added to the scores: as a node's vector depends on all nodes below it, no dynamic programming over
    spans finds the best tree. Because this search may miss it too, the trees are compared after every merge, as far as
    they are built, and count where y' leads most (the largest violation; Huang, Fayong and Guo 2012).

    Parameters
    ----------
    net : Sequential
        A network such as `models.tree_parser` makes.
    vocabulary : Vocabulary
    trees : Trees
        Binary.
    optimizer : Optimizer, optional
        As for `Sequential.fit`. Its weight decay is the article's regularization.
    epochs, batch_size : int
    penalty : float
        The margin for each node that is not in the right tree (the article's k).
    beam : int
        The beam of the search.
    validation_trees : Trees, optional
        Trees on which F1 is measured after each epoch, by the greedy parser.
    callbacks : iterable of Callback

    Returns
    -------
    History
        `loss`; `accuracy`, the share of sentences whose right tree no other led; and `val_f1`.
    """
    network = Parser.of(net, vocabulary)
    epochs, batch_size = as_int(epochs, "epochs"), as_int(batch_size, "batch_size")
    penalty, beam = as_number(penalty, "penalty"), as_beam(beam)
    _check_binary(trees, "trees")
    if validation_trees is not None:
        _check_binary(validation_trees, "validation_trees")
    data = _of_three_words(Sentences.of(trees, vocabulary))
    gold, count = data.spans(), len(data.start) - 1
    figures = ["loss", "accuracy", *(["val_f1"] if validation_trees is not None else [])]
    watchers = as_callbacks(callbacks, figures)

    def train(epoch: int) -> dict[str, float]:
        with net.turn.lock:
            order, rates = net.generator.permutation(count), state.rates(steps)

        def run(first: int, rates: Array, records: Array) -> bool:
            batch = order[first * batch_size : (first + 1) * batch_size]
            loss, found = fill_gradients(network, data.part(batch), gold[ranges(data.start, batch)[0]], penalty, beam)
            records[0] = loss, found, len(batch)
            return isfinite(loss) and state.follow_gradients(net.last_plan, rates[0])

        return take_pass(
            net, state, run, rates, samples=count, batch=batch_size, figures=_figures, epoch=epoch,
            watchers=watchers,
        )  # fmt: skip

    def validate() -> dict[str, float]:
        if validation_trees is None:
            return {}
        return {"val_f1": bracket_f1(parse(net, vocabulary, validation_trees.sentences()), validation_trees)}

    with net.turn.training():
        state = net.training_state.following(None, optimizer, net)
        steps = -(-count // batch_size)
        state.rates(steps)
        return run_epochs(
            net, state, range(1, epochs + 1), count, watchers, train, validate,
            loss="margin", penalty=penalty, beam=beam, batch_size=batch_size,
        )  # fmt: skip


def _check_binary(trees: Any, name: str) -> None:
    check_is(trees, name, Trees)
    if (trees.child_counts()[trees.height > 0] != 2).any():
        raise ValueError(f"{name} must have 2 children at every node that is no leaf: Trees.binarize makes them so")


def _of_three_words(data: Sentences) -> Sentences:
    """Return the sentences of three words or more: over two there is only one tree."""
    which = np.flatnonzero(np.diff(data.start) > 2)
    if not len(which):
        raise ValueError("trees must hold a sentence of three words; all are shorter")
    return data.part(which)


def _figures(loss: float, accuracy: float) -> dict[str, float]:
    return {"loss": loss, "accuracy": accuracy}


def fill_gradients(network: Parser, batch: Sentences, gold: Array, penalty: float, beam: int) -> tuple[float, int]:
    """Fill the gradients; give the sum of losses, and the number of sentences without one."""
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
    # A tree's score is the sum over its nodes: those of the wrong tree go down, those of the right one up.
    dy = np.zeros((len(nodes.leaves), 1), net.dtype)
    dy[nodes.inner, 0] = np.where(nodes.inner < nodes.start[size], 1 / size, -1 / size)
    net.run_forward(Forest(x, nodes.start, nodes.children))
    net.run_backward(dy)
    return float(losses.sum()), int((made == 0).sum())
