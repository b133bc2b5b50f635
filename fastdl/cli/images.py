"""``fastdl train lenet5`` and ``fastdl train mlp``, and ``fastdl predict`` with what they wrote."""

from __future__ import annotations

import argparse
import sys
from time import perf_counter

import numpy as np

from .. import get_num_threads
from ..datasets import idx_folder, mnist
from ..images import read_image
from ..images.idx import Split
from ..images.labels import labels_of, probabilities
from ..images.levels import in_range
from ..recipes import lenet5, mlp
from ..sequential import Sequential
from .common import add_common, check_common, check_outputs, communicator_for, saving, watching
from .mistakes import Mistake, diverging, of_option

_RECIPES = {"lenet5": lenet5, "mlp": mlp}


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add what ``train lenet5`` and ``train mlp`` take."""
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.set_defaults(run=_train)
    parser.add_argument("--data", metavar="DIR", help="a folder of four IDX files, raw or .gz, instead of MNIST")
    parser.add_argument("--transpose", action="store_true", help="swap rows and columns, as EMNIST's files need")
    add_common(parser, epochs=10, batch_size=32, lr=0.05)


def _train(options: argparse.Namespace) -> None:
    check_common(options)
    labels, train, test = images_of(options)
    try:
        recipe = _RECIPES[options.network](
            len(train[0]), input_shape=train[0].shape[1:], classes=len(labels),
            epochs=options.epochs, batch_size=options.batch_size, lr=options.lr, seed=options.seed,
        )  # fmt: skip
    except ValueError as error:
        raise Mistake(f"--data must hold what {options.network} can take; {error}") from None
    recipe.net.notes = {"labels": labels}
    communicator = communicator_for(options)
    check_outputs(options)
    print(
        f"{options.network}: {recipe.net.parameters.size:,} parameters, {len(labels)} labels, "
        f"{len(train[0]):,} images, {get_num_threads()} threads",
        flush=True,
    )
    start = perf_counter()
    callbacks = [*watching("images", options.log), *saving(options.save)]
    with diverging():
        history = recipe.net.fit(
            *train, validation_data=test, callbacks=callbacks, verbose=0, communicator=communicator, **recipe.arguments
        )
    total = perf_counter() - start
    seconds = sum(history.history["seconds"])
    print(
        f"test accuracy {history.history['val_accuracy'][-1]:.2%}, {total:.1f} s, "
        f"{len(train[0]) * options.epochs / seconds:,.0f} samples per second"
    )
    with_save = "" if options.save is not None else "with --save FILE, "
    print(f"{with_save}fastdl serve {options.save or 'FILE'} opens a page to draw on")


def images_of(options: argparse.Namespace) -> tuple[list[int], Split, Split]:
    """Return the labels of training, and images of MNIST or a folder with the places of their labels among these."""
    if options.transpose and options.data is None:
        raise Mistake("--transpose is for --data, which is not given")
    with of_option("--data"):
        train, test = mnist() if options.data is None else idx_folder(options.data, transpose=options.transpose)
    labels = np.unique(train[1])
    if len(labels) < 2:
        raise Mistake(f"--data must hold training images of at least 2 labels; it has {labels[0]} alone")
    unknown = np.setdiff1d(test[1], labels)
    if len(unknown):
        raise Mistake(f"--data must hold training images of every label of testing; it has none of {unknown[0]}")
    train, test = ((x, np.searchsorted(labels, y)) for x, y in (train, test))
    return labels.tolist(), train, test


def predict(net: Sequential, options: argparse.Namespace) -> None:
    """Classify the images that the options name; those that cannot be read are reported after the others."""
    try:
        labels = labels_of(net, options.network)
    except ValueError as error:
        raise Mistake(str(error)) from None
    paths, images, unread = [], [], []
    for path in options.inputs:
        try:
            images.append(read_image(path, net.input_shape, invert=options.invert))
            paths.append(path)
        except ValueError as error:
            unread.append(str(error))
    if images:
        outputs = net.predict(in_range(net, np.stack(images)))
        for path, row in zip(paths, probabilities(net, outputs), strict=True):
            shares = "  ".join(f"{label}: {p:.3f}" for label, p in zip(labels, row, strict=True))
            print(f"{path}: {labels[row.argmax()]}  ({shares})")
    if unread:
        sys.stdout.flush()
        raise Mistake("\nfastdl: ".join(unread))
