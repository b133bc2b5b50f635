"""The command line: ``fastdl train`` and ``fastdl predict``."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from time import perf_counter
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from . import __version__, get_num_threads, load, set_num_threads
from .callbacks import Callback, PrintEpochs
from .datasets import idx_folder, mnist
from .functional import softmax
from .images import read_image
from .recipes import lenet5, mlp

if TYPE_CHECKING:
    from .model import Sequential

_RECIPES = {"lenet5": lenet5, "mlp": mlp}
_LEAST = {"sigmoid": 0, "relu": 0, "tanh": -1}  # what these can give


class _Mistake(Exception):
    """Something the user can put right, told in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 2 after a mistake of the user's, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except BrokenPipeError:  # as in `| head`: nobody is reading, so there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (_Mistake, ValueError, FloatingPointError, OSError, ImportError, MemoryError) as error:
        print(f"fastdl: {error or type(error).__name__}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        # On a terminal the cursor may stand behind half a progress bar, which the message takes the place of.
        print(("\r\033[K" if sys.stderr.isatty() else "") + "fastdl: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastdl", description="Train small neural networks on an ordinary CPU, fast.")
    parser.add_argument("--version", action="version", version=f"fastdl {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train", help="train a network on MNIST", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    train.set_defaults(run=_train)
    train.add_argument("network", choices=sorted(_RECIPES), help="LeNet-5, or 784-300-10")
    train.add_argument("--data", metavar="DIR", help="a folder of four IDX files, raw or .gz, instead of MNIST")
    train.add_argument("--epochs", type=int, default=10)
    train.add_argument("--batch-size", type=int, default=32)
    train.add_argument("--lr", type=float, default=0.05, help="the highest learning rate")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--threads", type=int, help="at the most; all there are by default")
    train.add_argument("--save", metavar="FILE", help="where to write the trained network (.npz)")
    train.add_argument("--log", metavar="FILE", help="where to write a JSON object a line for each epoch")
    predict = commands.add_parser("predict", help="classify image files with a saved network")
    predict.set_defaults(run=_predict)
    predict.add_argument("network", metavar="FILE", help="what train --save wrote")
    predict.add_argument("images", metavar="IMAGE", nargs="+", help="PNG, JPEG or PGM, light on dark as in MNIST")
    predict.add_argument("--invert", action="store_true", help="the images are dark on light")
    return parser


def _train(options: argparse.Namespace) -> None:
    for name, least in (("epochs", 1), ("batch-size", 1), ("seed", 0)):
        value = getattr(options, name.replace("-", "_"))
        if not least <= value <= sys.maxsize:
            bound = f"at least {least}" if value < least else f"at most {sys.maxsize}"
            raise _Mistake(f"--{name} must be {bound}; received {value}")
    if options.threads is not None:
        set_num_threads(options.threads)
    train, test = idx_folder(options.data) if options.data is not None else mnist()
    if train[0].shape[1:] != (1, 28, 28):
        raise _Mistake(f"--data must hold images of 28 x 28; received {train[0].shape[2:]}")
    recipe = _RECIPES[options.network](
        len(train[0]), epochs=options.epochs, batch_size=options.batch_size, lr=options.lr, seed=options.seed
    )
    if options.save is not None:
        _check_writable(options.save)
    if None not in (options.save, options.log) and os.path.realpath(options.save) == os.path.realpath(options.log):
        raise _Mistake(f"--save and --log must name two files; received {options.save} for both")
    progress = _progress()
    with open(os.devnull if options.log is None else options.log, "w") as log:
        print(
            f"{options.network}: {recipe.net.parameters.size:,} parameters, {len(train[0]):,} images, "
            f"{get_num_threads()} threads",
            flush=True,
        )
        start = perf_counter()
        callbacks = [progress, _Log(log)]
        try:
            history = recipe.net.fit(*train, validation_data=test, callbacks=callbacks, verbose=0, **recipe.arguments)
        finally:
            if isinstance(progress, _Bar):
                progress.close()
        total = perf_counter() - start
    if options.save is not None:
        recipe.net.save(options.save)
    seconds = sum(history.history["seconds"])
    print(
        f"test accuracy {history.history['val_accuracy'][-1]:.2%}, {total:.1f} s, "
        f"{len(train[0]) * options.epochs / seconds:,.0f} samples per second"
    )


def _check_writable(path: str) -> None:
    """Find out before the training rather than after it, by writing beside it as `save` will."""
    # Saving renames over what is there: a folder would refuse, but a device such as /dev/null would be lost.
    if not path or (os.path.exists(path) and not os.path.isfile(path)):
        raise _Mistake(f"--save must name a file; received {path!r}")
    try:
        tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(path))).close()
    except OSError as error:
        raise _Mistake(f"--save must name a file in a folder that can be written to; {error}") from None


def _progress() -> Callback:
    """Give a live bar on a terminal, where tqdm is there to draw it, and a line for each epoch elsewhere."""
    if sys.stderr.isatty() and sys.stdout.isatty():
        try:
            return _Bar()
        except ImportError:
            pass
    return PrintEpochs()


class _Bar(Callback):
    _bar: Any = None

    def __init__(self) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm

    def close(self) -> None:
        """End the bar's line, also where the training was interrupted."""
        if self._bar is not None:
            self._bar.close()

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        self._epochs, self._samples = epochs, samples

    def on_epoch_begin(self, net: Sequential, epoch: int) -> None:
        # A delay, however short, draws nothing before the bar is ours to close.
        self._bar = self._tqdm(
            total=self._samples, desc=f"epoch {epoch}/{self._epochs}", unit=" images", unit_scale=True, delay=1e-9
        )

    def on_batch_block(self, net: Sequential, done: int, total: int, logs: dict[str, Any]) -> None:
        self._bar.set_postfix_str(f"loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.2%}", refresh=False)
        self._bar.update(done - self._bar.n)

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        self._bar.set_postfix_str(
            f"loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.2%}, test {logs['val_accuracy']:.2%}"
        )
        self._bar.close()


class _Log(Callback):
    """A JSON object a line for each epoch."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        # JSON has no NaN and no infinity, which is what a network that diverges may give on held-out data.
        self._file.write(json.dumps({k: v if math.isfinite(v) else None for k, v in logs.items()}) + "\n")
        self._file.flush()


def _predict(options: argparse.Namespace) -> None:
    net = load(options.network)
    if len(net.input_shape) != 3 or net.input_shape[0] != 1 or len(net.output_shape) != 1:
        raise _Mistake(f"{options.network} must be a network of grey images; its input is {net.input_shape}")
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
