"""What happens after each epoch of ``train lm``: held-out text is measured, the run saved, and a text written."""

from __future__ import annotations

import math
from typing import Any

from .._types import Array
from ..callbacks import Callback
from ..callbacks.progress import figure
from ..datasets import Vocabulary, text_windows
from ..sequential import Sequential
from ..text.sampling import sample


def unit_of(words: bool) -> str:
    """Name the tokens of a vocabulary of words, or else of characters."""
    return "word" if words else "character"


class Epochs(Callback):
    """Measures on held-out text after each epoch, before the bar, which shows the figures."""

    def __init__(self, vocabulary: Vocabulary, held_out: Array, streams: int, window: int, tokens: int) -> None:
        self.vocabulary, self.tokens, self._streams = vocabulary, tokens, streams
        self._x, self._y = text_windows(held_out, streams, window)

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        measured = net.evaluate(self._x, self._y, batch_size=self._streams)
        logs.update({f"val_{name}": value for name, value in measured.items()})


class Save(Callback):
    """Saves after each epoch, once it is in the log: a run resumed from the epoch before writes its line again."""

    def __init__(self, path: str) -> None:
        self._path = path

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        net.notes["run"]["epochs"] = epoch
        net.save(self._path, training=True)


class Show(Callback):
    """Prints the figures of each epoch, and a sample of text."""

    def __init__(self, epochs: Epochs, length: int) -> None:
        self._epochs, self._length = epochs, length

    def on_epoch_end(self, net: Sequential, epoch: int, logs: dict[str, Any]) -> None:
        vocabulary = self._epochs.vocabulary
        print(
            f"epoch {epoch}/{self._epochs.epochs}  loss {_figures(logs['loss'], vocabulary.words)}  "
            f"held out {_figures(logs['val_loss'], vocabulary.words)}  "
            f"{self._epochs.tokens / logs['seconds']:,.0f} {unit_of(vocabulary.words)}s per second",
            flush=True,
        )
        if self._length:
            print(sample(net, vocabulary, length=self._length, temperature=0.8, seed=epoch), end="\n\n", flush=True)


def _figures(loss: float, words: bool) -> str:
    """Write a loss in nats, and also as perplexity for words or bits for characters."""
    if words:
        return f"{figure(loss)} (perplexity {figure(math.exp(loss) if loss < 700 else math.inf, 1)})"
    return f"{figure(loss)} ({figure(loss / math.log(2), 3)} bits)"
