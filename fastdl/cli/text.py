"""``fastdl train lm`` and ``fastdl sample``: language models."""

from __future__ import annotations

import argparse
import hashlib
import math
import os
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .. import get_num_threads, load
from .._core.kinds import MOST_DROPPED
from .._types import Array
from .._validation.values import as_number
from ..datasets import Vocabulary, read_text, standard_library, text_windows
from ..models.sequences import CELLS, HEADS
from ..recipes import Recipe, language_model, transformer
from ..sequential import Sequential
from ..text.sampling import check_language_model, sample
from ..training.divergence import DivergenceError
from .common import (
    add_common,
    bars,
    check_common,
    check_other,
    check_outputs,
    check_whole,
    communicator_for,
    logging,
    number,
    tell_unknown,
)
from .mistakes import Mistake, of_option, reading
from .text_epochs import Epochs, Save, Show, unit_of

# The settings of a run: they are saved with it, and a resumed run keeps them.
_DEFAULTS = {
    "words": False, "lines": False, "vocabulary": 256, "cell": "lstm", "units": 512, "layers": 1, "dropout": 0.3,
    "window": 64, "batch_size": 32, "lr": 2e-3, "clip_norm": 1.0, "seed": 0, "epochs": 10,
}  # fmt: skip
# The defaults for a transformer instead.
_TRANSFORMER = {"units": 128, "layers": 4, "dropout": 0.1, "window": 128, "batch_size": 8}
_WORDS = 10_000  # the default vocabulary if tokens are words
_PARTS = 10  # the last of these parts is held out
_DEEPEST = 1000  # layers: of more not even the description can be made in a reasonable time


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add what ``train lm`` takes."""
    parser.description = "Train a language model, which writes text like that which it was trained on."
    parser.epilog = "Without options: 10 epochs, 32 streams (--batch-size; transformer 8), a rate of up to 0.002."
    parser.set_defaults(run=_train)
    parser.add_argument("--text", metavar="FILE", help="text in UTF-8 (the source of Python's standard library)")
    parser.add_argument("--words", action="store_true", help="tokens are words and marks of sentences, not characters")
    parser.add_argument("--lines", action="store_true", help="with --words: each line is a sentence")
    parser.add_argument(
        "--vocabulary",
        type=int,
        metavar="N",
        help="number of tokens, one of which stands for all rarer ones (256; words 10000)",
    )
    parser.add_argument("--cell", choices=[*sorted(CELLS), "transformer"], help="(lstm)")
    parser.add_argument("--units", type=int, help="units of a recurrent layer (512), or of a transformer (128)")
    parser.add_argument("--layers", type=int, help="recurrent layers (1), or blocks of a transformer (4)")
    parser.add_argument("--dropout", type=number, help="rate of the dropout after each layer (0.3; transformer 0.1)")
    parser.add_argument("--bidirectional", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--window",
        type=int,
        metavar="T",
        help="steps of truncated back-propagation (64), or tokens that a transformer sees (128)",
    )
    parser.add_argument("--clip-norm", type=number, help="the largest norm of a gradient; 0 for no limit (1)")
    add_common(parser, epochs=10, batch_size=32, lr=2e-3)
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="a file of train lm --save: continue its training, to the bit, and save it there again; with more "
        "--epochs than before, the rate follows the longer curve from here on",
    )
    parser.add_argument(
        "--show", type=int, default=200, metavar="N", help="tokens to write after each epoch; 0 for none (%(default)s)"
    )
    parser.set_defaults(**dict.fromkeys(_DEFAULTS))


def add_sample(parser: argparse.ArgumentParser) -> None:
    """Add what ``sample`` takes."""
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.set_defaults(run=_sample)
    parser.add_argument("model", metavar="MODEL", help="a language model saved by train lm --save")
    parser.add_argument("--prompt", default="", help="the beginning of the text")
    parser.add_argument(
        "--temperature", type=number, default=0.8, help="lower for likelier tokens, 0 for the likeliest"
    )
    parser.add_argument("--length", type=int, default=500, help="tokens to write")
    parser.add_argument("--seed", type=int, help="a seed, to get the same text again")


def _train(options: argparse.Namespace) -> None:
    if options.bidirectional:
        raise Mistake("--bidirectional makes no sense here: a second direction would see what is to be predicted")
    run, settings = _settings(options)
    _check(options)
    communicator = communicator_for(options)
    check_outputs(options, settings["text"])
    check_other("log", options.log, options.resume)
    corpus = _corpus(options, run, settings)
    batch, window, unit = settings["batch_size"], settings["window"], unit_of(settings["words"])
    x, y = text_windows(corpus.tokens, batch, window)
    with of_option("--units"):
        recipe = _recipe(settings, len(x), len(corpus.vocabulary))
    net, done = (recipe.net, 0) if run is None else (run, _continue(run, recipe, options))
    net.notes = {
        "vocabulary": corpus.vocabulary.tokens,
        "words": settings["words"],
        "lines": settings["lines"],
        "run": {"settings": settings, "digest": corpus.digest, "epochs": done},
    }
    print(_told(net, corpus, settings), flush=True)
    streams = min(batch, (len(corpus.held_out) - 1) // window)
    epochs = Epochs(corpus.vocabulary, corpus.held_out, streams, window, x.size)
    callbacks = [
        epochs,
        *bars(f"{unit}s", per_sample=window),
        *logging(options.log),
        *([] if options.save is None else [Save(options.save)]),
        Show(epochs, options.show),
    ]
    try:
        net.fit(x, y, initial_epoch=done, callbacks=callbacks, verbose=0, communicator=communicator, **recipe.arguments)
    except DivergenceError as error:
        raise Mistake(f"{error.fault}: {_remedy(net, options, done)}") from None


def _check(options: argparse.Namespace) -> None:
    """Check the options of ``train lm`` that are numbers, and set the number of threads."""
    check_common(options, "units", "window")
    check_whole(options, "layers", most=_DEEPEST)
    check_whole(options, "show", least=0)
    check_whole(options, "vocabulary", least=2)  # one token stands for all others
    if options.cell == "transformer" and options.units % HEADS:
        raise Mistake(f"--units must be a multiple of a transformer's {HEADS} heads; received {options.units}")
    if options.lines and not options.words:
        raise Mistake("--lines must come with --words: characters have no marks of sentences")
    as_number(options.dropout, "--dropout", high=MOST_DROPPED)
    as_number(options.clip_norm, "--clip-norm")


class _Corpus(NamedTuple):
    """A text as tokens, those to train on and those that are held out, and the digest that a resumed run compares."""

    vocabulary: Vocabulary
    tokens: Array
    held_out: Array
    digest: str


def _corpus(options: argparse.Namespace, run: Sequential | None, settings: dict[str, Any]) -> _Corpus:
    """Read the text as tokens of the vocabulary of the run to resume, or of its own."""
    with reading("--text"):
        text = standard_library() if settings["text"] is None else read_text(settings["text"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    if run is not None and digest != run.notes["run"]["digest"]:
        raise Mistake(f"--text must be the one that {options.resume} was trained on; received another")
    cut = len(text) - len(text) // _PARTS
    if run is None:
        words, lines, limit = (settings[name] for name in ("words", "lines", "vocabulary"))
        vocabulary = Vocabulary.of(text[:cut], words=words, lines=lines, limit=limit)
    else:
        vocabulary = _vocabulary(run, options.resume)
    tokens, held_out = vocabulary.encode(text[:cut]), vocabulary.encode(text[cut:])
    _check_length(options, len(tokens), len(held_out))
    return _Corpus(vocabulary, tokens, held_out, digest)


def _continue(run: Sequential, recipe: Recipe, options: argparse.Namespace) -> int:
    """Give a run to resume the rate of all epochs; return how many it has had."""
    state, optimizer = run.training_state, recipe.arguments["optimizer"]
    # A rate that falls over more epochs continues from the same step.
    state.optimizer = replace(state.optimizer, lr=optimizer.lr)
    if state.optimizer != optimizer:
        raise Mistake(f"--resume must name what train lm --save wrote after an epoch; received {options.resume}")
    done: int = run.notes["run"]["epochs"]
    if done >= options.epochs:
        raise Mistake(f"--epochs must be above the {done} that {options.resume} has; received {options.epochs}")
    return done


def _told(net: Sequential, corpus: _Corpus, settings: dict[str, Any]) -> str:
    """Write what is trained, and on what."""
    share = np.mean(corpus.tokens == 0)
    unknown = f", {100 * share:.3g}% of them unknown" if share else ""
    return (
        f"{settings['layers']} x {settings['cell']} of {settings['units']}: {net.parameters.size:,} parameters, "
        f"{len(corpus.tokens):,} {unit_of(settings['words'])}s of {len(corpus.vocabulary)} kinds{unknown}, "
        f"{len(corpus.held_out):,} held out, {get_num_threads()} threads"
    )


def _recipe(settings: dict[str, Any], windows: int, vocabulary: int) -> Recipe:
    names = ("units", "layers", "dropout", "epochs", "batch_size", "lr", "clip_norm", "seed")
    given = {name: settings[name] for name in names}
    if settings["cell"] == "transformer":
        return transformer(windows, vocabulary, settings["window"], **given)
    return language_model(windows, vocabulary, cell=settings["cell"], **given)


def _remedy(net: Sequential, options: argparse.Namespace, done: int) -> str:
    """Save the last finite parameters, unless an epoch has been saved, which is better, and tell what may help."""
    run = net.notes["run"]
    kept, what = options.save if run["epochs"] > done else options.resume, f"what epoch {run['epochs']} gave"
    if kept is None and options.save is not None:
        net.save(options.save)
        kept, what = options.save, "the parameters before it"
    return "a lower --lr, or a tighter --clip-norm, may help" + ("" if kept is None else f"; {kept} has {what}")


def _check_length(options: argparse.Namespace, tokens: int, held_out: int) -> None:
    """Check that there is a window for each stream, also in the part that is held out."""
    batch, window, unit = options.batch_size, options.window, unit_of(options.words)
    needed = batch * window + 1
    if tokens < needed or held_out <= window:
        # The least number of characters; words may be spread unevenly.
        whole = max(needed + (needed - 1) // (_PARTS - 1), _PARTS * (window + 1))
        raise Mistake(
            f"--text must have {'about' if options.words else 'at least'} {whole:,} {unit}s, of which a tenth is held "
            f"out, for a --window of {window} and a --batch-size of {batch}; it has {tokens + held_out:,}"
        )


def _settings(options: argparse.Namespace) -> tuple[Sequential | None, dict[str, Any]]:
    """Return the run to resume, if any, and the settings: those given, those of the run, or the defaults."""
    given = {name: getattr(options, name) for name in _DEFAULTS if getattr(options, name) is not None}
    if options.text is not None:
        given["text"] = options.text and os.path.abspath(options.text)  # an empty name is none, not this folder
    run, usual = None, {**_DEFAULTS, "text": None}
    if options.words:
        usual["vocabulary"] = _WORDS
    if options.cell == "transformer":
        usual |= _TRANSFORMER
    if options.resume is not None:
        with reading("--resume"):
            run = load(options.resume)
        if run.training_state.moments is None or not _is_run(run.notes.get("run")):
            raise Mistake(f"--resume must name what train lm --save wrote after an epoch; received {options.resume}")
        usual = run.notes["run"]["settings"]
        options.save = options.resume if options.save is None else options.save
    for name, value in given.items():
        if run is not None and name not in ("epochs", "text") and value != usual[name]:
            if name == "words":
                raise Mistake(f"--words must be left out, as {options.resume} is a model of characters")
            if name == "lines":
                raise Mistake(f"--lines must be left out, as {options.resume} has sentences that end within lines")
            option = name.replace("_", "-")
            raise Mistake(f"--{option} must be {usual[name]}, as of {options.resume}; received {value}")
    settings = {**usual, **given}
    for name in _DEFAULTS:
        setattr(options, name, settings[name])
    return run, settings


def _is_run(saved: Any) -> bool:
    """Return whether a file's note is that of a run, as written by `_train`."""
    if not isinstance(saved, dict) or _types(saved) != _types({"settings": {}, "digest": "", "epochs": 0}):
        return False
    return _types(saved["settings"]) in [_types({**_DEFAULTS, "text": text}) for text in (None, "")]


def _types(values: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in values.items()}


def _vocabulary(net: Sequential, path: str) -> Vocabulary:
    try:
        vocabulary = Vocabulary(net.notes["vocabulary"], net.notes["words"], net.notes["lines"])
        check_language_model(net, vocabulary)
    except (KeyError, TypeError, ValueError):
        raise Mistake(f"{path} must be a language model, as train lm --save writes it; it is another network") from None
    return vocabulary


def _sample(options: argparse.Namespace) -> None:
    check_whole(options, "length")
    check_whole(options, "seed", least=0, most=math.inf)
    as_number(options.temperature, "--temperature")
    with reading("MODEL"):
        net = load(options.model)
    vocabulary = _vocabulary(net, options.model)
    tell_unknown(f"--prompt has {unit_of(vocabulary.words)}s", options.model, vocabulary.unknown(options.prompt))
    text = sample(
        net, vocabulary, options.prompt, length=options.length, temperature=options.temperature, seed=options.seed
    )
    print(text)
