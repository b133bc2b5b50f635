"""``fastdl sweep``: one network for each of many settings."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import get_num_threads, set_num_threads
from .._extras import missing
from .._files import open_file
from .._validation.values import as_int
from ..layers.activation import as_activation
from ..recipes import Recipe, lenet5, mlp
from ..sweeps import grid, picture, sweep, table
from .common import as_rate, check_file, check_whole, number
from .images import images_of
from .mistakes import Mistake, reading

if TYPE_CHECKING:
    from ..sequential import Sequential

_HELD_OUT = 10  # one in ten training images is held out
_LONGEST = 1 << 20  # the most characters of a file of settings
_MOST = 100_000  # the most networks


def _sizes(text: str) -> list[int]:
    """Read the sizes of hidden layers, such as 300x100."""
    try:
        return [int(part) for part in text.split("x")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"sizes must be whole numbers, such as 300x100; received {text!r}") from None


def _check_sizes(value: Any, name: str) -> None:
    if not isinstance(value, list):
        raise Mistake(f"{name} must have lists of sizes; received {value!r}")
    for size in value:
        as_int(size, name)


# The check of each setting's values, and the default.
_AXES: dict[str, tuple[Callable[[Any, str], Any], list[Any]]] = {
    "lr": (as_rate, [0.05]),
    "batch_size": (as_int, [32]),
    "hidden": (_check_sizes, [[300]]),
    "activation": (as_activation, ["relu"]),
}
_OF_MLP = {"hidden", "activation"}
_FILES = ("record", "picture", "save")
_OTHERS = {
    "network": str, "data": str, "transpose": bool, "epochs": int, "seeds": int, "threads": int,
    **dict.fromkeys(_FILES, str),
}  # fmt: skip
_USUAL = {"network": "mlp", "data": None, "transpose": False, "epochs": 5, "seeds": 1, "threads": None}


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """Add what ``sweep`` takes."""
    parser.description = (
        "Train networks of images with all combinations of rates, sizes and seeds, side by side. A tenth of the "
        "training images is held out to find the best; the accuracy on the test images is shown too."
    )
    parser.set_defaults(run=_sweep)
    parser.add_argument("network", nargs="?", choices=["lenet5", "mlp"], help="(mlp)")
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file with values for these options; those given here take precedence"
    )
    parser.add_argument("--data", metavar="DIR", help="a folder of four IDX files, raw or .gz, instead of MNIST")
    parser.add_argument(
        "--transpose", action="store_true", default=None, help="swap rows and columns, as EMNIST's files need"
    )
    parser.add_argument("--lr", nargs="+", type=number, metavar="RATE", help="(0.05)")
    parser.add_argument("--batch-size", nargs="+", type=int, metavar="N", help="(32)")
    parser.add_argument(
        "--hidden", nargs="+", type=_sizes, metavar="SIZES", help="hidden sizes of an mlp, such as 100 300x100 (300)"
    )
    parser.add_argument("--activation", nargs="+", metavar="NAME", help="of the hidden layers of an mlp (relu)")
    parser.add_argument("--seeds", type=int, metavar="N", help="networks with different seeds for each setting (1)")
    parser.add_argument("--epochs", type=int, help="(5)")
    parser.add_argument("--threads", type=int, help="networks to train at a time (all processors)")
    parser.add_argument(
        "--record",
        metavar="FILE",
        help="a file of finished networks, a line of JSON each, from which a later sweep continues",
    )
    parser.add_argument("--picture", metavar="FILE", help="where to draw all of them, as .svg")
    parser.add_argument("--save", metavar="FILE", help="where to save the best network (.npz)")


def _sweep(options: argparse.Namespace) -> None:
    _fill(options)
    axes = _axes(options)
    check_whole(options, "epochs", "seeds", "threads")
    if (count := math.prod(map(len, axes.values())) * options.seeds) > _MOST:
        raise Mistake(f"--seeds and the other options must make at most {_MOST:,} networks; received {count:,}")
    if options.threads is not None:
        set_num_threads(options.threads)
    paths = {name: getattr(options, name) for name in _FILES}
    for name, path in paths.items():
        check_file(name, path, options.config)
    files = [os.path.realpath(path) for path in paths.values() if path is not None]
    if len(set(files)) < len(files):
        raise Mistake(f"--record, --picture and --save must name different files; received {', '.join(files)}")
    if options.picture is not None and not options.picture.lower().endswith(".svg"):
        raise Mistake(f"--picture must end in .svg; received {options.picture}")
    labels, train, test = images_of(options)
    held = len(train[0]) // _HELD_OUT
    if not held:
        raise Mistake(f"--data must hold {_HELD_OUT} training images at least; it has {len(train[0])}")
    order = np.random.default_rng(0).permutation(len(train[0]))
    (x, y), validation = (tuple(part[rows] for part in train) for rows in (order[held:], order[:held]))

    def finished(net: Sequential) -> dict[str, float]:
        return {"test_accuracy": net.evaluate(*test)["accuracy"]}

    settings = grid(**axes, seed=range(options.seeds))
    print(
        f"{options.network}: {len(settings)} networks, {len(x):,} images to train on, {held:,} held out, "
        f"{get_num_threads()} at a time",
        flush=True,
    )
    make = partial(_make, options.network, len(x), x.shape[1:], labels, options.epochs)
    trials = sweep(
        make, settings, x, y, validation_data=validation, record=options.record, save=options.save,
        record_data={"network": options.network, "epochs": options.epochs}, finished=finished,
        verbose="bar" if sys.stderr.isatty() and sys.stdout.isatty() else 1,
    )  # fmt: skip
    print(table(trials, figures=["test_accuracy", "seconds"]))
    for trial in trials:
        if trial.error is not None:
            print(f"{trial.settings}: {trial.error}", file=sys.stderr)
    if not any(trial.figures for trial in trials):
        raise Mistake("all networks failed: there is none to save or to draw")
    if options.picture is not None:
        picture(trials).save(options.picture)


def _make(
    network: str, samples: int, shape: tuple[int, ...], labels: list[int], epochs: int, **settings: Any
) -> Recipe:
    try:
        recipe = {"lenet5": lenet5, "mlp": mlp}[network](
            samples, input_shape=shape, classes=len(labels), epochs=epochs, **settings
        )
    except ValueError as error:
        what = "--data must hold what lenet5 can take" if network == "lenet5" else "--hidden must be smaller"
        raise Mistake(f"{what}; {error}") from None
    recipe.net.notes = {"labels": labels}
    return recipe


def _fill(options: argparse.Namespace) -> None:
    """Fill in options that are not given, from the file or by defaults."""
    known = _OTHERS.keys() | _AXES.keys()
    given = {} if options.config is None else _read(options.config)
    if unknown := given.keys() - known:
        raise Mistake(
            f"--config must have none but {', '.join(sorted(known))}; {options.config} has {', '.join(sorted(unknown))}"
        )
    for name, kind in _OTHERS.items():
        value = given.get(name)
        if value is not None and (type(value) is not kind):
            raise Mistake(f"{name} of --config must be {kind.__name__}; {options.config} has {value!r}")
    for name in known:
        if getattr(options, name) is None:
            setattr(options, name, given.get(name, _USUAL.get(name)))
    if options.network not in ("lenet5", "mlp"):
        raise Mistake(f"network of --config must be lenet5 or mlp; {options.config} has {options.network!r}")


def _read(path: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError:
            raise missing("--config", "tomli", "cli") from None
    try:
        with reading("--config"), open_file(path, "r", "utf-8") as file:
            text = file.read(_LONGEST + 1)
            if len(text) > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST:,} characters")
            return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Mistake(f"--config must be a TOML file; {path}: {error}") from None


def _axes(options: argparse.Namespace) -> dict[str, list[Any]]:
    """Return the values of each setting, checked."""
    axes = {}
    for name, (check, usual) in _AXES.items():
        values = getattr(options, name)
        option = f"--{name.replace('_', '-')}"
        if options.network != "mlp" and name in _OF_MLP:
            if values is not None:
                raise Mistake(f"{option} is for an mlp; the network is {options.network}")
            continue
        if values is None:
            values = usual
        if not isinstance(values, list) or not values:
            raise Mistake(f"{option} must have values, one at least; received {values!r}")
        for value in values:
            try:
                check(value, option)
            except TypeError as error:
                raise Mistake(str(error)) from None
        axes[name] = values
    return axes
