"""``fastdl train lenet5``, ``fastdl train mlp`` and ``fastdl predict``."""

from __future__ import annotations

import argparse
import os
import sys
from time import perf_counter
from typing import Any

import numpy as np

from .. import get_num_threads, load
from ..callbacks import Callback, PrintEpochs
from ..datasets import idx_folder, mnist
from ..functional import softmax
from ..images import read_image
from ..model import Sequential
from ..recipes import lenet5, mlp
from .common import Bar, Log, Mistake, add_common, check_common, check_outputs

_NETWORKS = {"lenet5": (lenet5, "LeNet-5 on MNIST"), "mlp": (mlp, "article 3's 784-300-10 on MNIST")}
_LEAST = {"sigmoid": 0, "relu": 0, "tanh": -1}  # what these can give


def add_train(networks: Any) -> None:
    """Add the networks for images to ``train``."""
    for name, (_, help_) in _NETWORKS.items():
        parser = networks.add_parser(name, help=help_, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        parser.set_defaults(run=_train, network=name)
        parser.add_argument("--data", metavar="DIR", help="a folder of four IDX files, raw or .gz, instead of MNIST")
        add_common(parser, epochs=10, batch_size=32, lr=0.05)


def add_predict(commands: Any) -> None:
    """Add ``predict``."""
    predict = commands.add_parser("predict", help="classify image files with a saved network")
    predict.set_defaults(run=_predict)
    predict.add_argument("network", metavar="FILE", help="what train --save wrote")
    predict.add_argument("images", metavar="IMAGE", nargs="+", help="PNG, JPEG or PGM, light on dark as in MNIST")
    predict.add_argument("--invert", action="store_true", help="the images are dark on light")


def _train(options: argparse.Namespace) -> None:
    check_common(options)
    train, test = idx_folder(options.data) if options.data is not None else mnist()
    if train[0].shape[1:] != (1, 28, 28):
        raise Mistake(f"--data must hold images of 28 x 28; received {train[0].shape[2:]}")
    recipe = _NETWORKS[options.network][0](
        len(train[0]), epochs=options.epochs, batch_size=options.batch_size, lr=options.lr, seed=options.seed
    )
    check_outputs(options)
    progress = _progress()
    with open(os.devnull if options.log is None else options.log, "w") as log:
        print(
            f"{options.network}: {recipe.net.parameters.size:,} parameters, {len(train[0]):,} images, "
            f"{get_num_threads()} threads",
            flush=True,
        )
        start = perf_counter()
        callbacks = [progress, Log(log)]
        try:
            history = recipe.net.fit(*train, validation_data=test, callbacks=callbacks, verbose=0, **recipe.arguments)
        finally:
            if isinstance(progress, Bar):
                progress.close()
        total = perf_counter() - start
    if options.save is not None:
        recipe.net.save(options.save)
    seconds = sum(history.history["seconds"])
    print(
        f"test accuracy {history.history['val_accuracy'][-1]:.2%}, {total:.1f} s, "
        f"{len(train[0]) * options.epochs / seconds:,.0f} samples per second"
    )


def _progress() -> Callback:
    """Give a live bar on a terminal, where tqdm is there to draw it, and a line for each epoch elsewhere."""
    if sys.stderr.isatty() and sys.stdout.isatty():
        try:
            return Bar("images")
        except ImportError:
            pass
    return PrintEpochs()


def _predict(options: argparse.Namespace) -> None:
    net = load(options.network)
    if len(net.input_shape) != 3 or net.input_shape[0] != 1 or len(net.output_shape) != 1:
        raise Mistake(f"{options.network} must be a network of grey images; its input is {net.input_shape}")
    x = np.stack([read_image(path, net.input_shape[1:], options.invert) for path in options.images])
    for path, row in zip(options.images, _probabilities(net, net.predict(x)), strict=True):
        probabilities = "  ".join(f"{label}: {p:.3f}" for label, p in enumerate(row))
        print(f"{path}: {row.argmax()}  ({probabilities})")


def _probabilities(net: Sequential, outputs: Any) -> Any:
    last = net.layers[-1].get_config()
    activation = last.get("activation") or last.get("name")
    if activation == "softmax":
        return outputs
    if activation in _LEAST:  # each output is a score of its own: their shares
        scores = outputs - _LEAST[activation] + np.finfo(outputs.dtype).tiny
        return scores / scores.sum(axis=1, keepdims=True)
    return softmax(outputs)
