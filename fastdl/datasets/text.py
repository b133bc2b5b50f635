"""Text as numbers: reading it, taking it apart into characters or words, and windows to train on."""

from __future__ import annotations

import os
import sysconfig
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._files import as_path, open_file
from .._validation import Array, as_flag, as_int, as_list, as_real
from .words import sentences_of, text_of

__all__ = ["Vocabulary", "read_text", "standard_library", "text_windows"]

_LEFT_OUT = 10  # of the words that occur once, one in so many
UNKNOWN, START, END = "<unknown>", "<s>", "<e>"


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a file of UTF-8 text, without the mark that some editors put before it.

    Raises
    ------
    ValueError
        If it is not UTF-8, or empty.
    """
    try:
        with open_file(path, "r", "utf-8") as file:
            text: str = file.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"{as_path(path)} must be UTF-8 text; byte {error.start} is {error.reason}") from None
    if not text:
        raise ValueError(f"{as_path(path)} must hold text; it is empty")
    return text


def standard_library(characters: int = 2_000_000) -> str:
    """Give so much of the source of Python's standard library, file after file: text that every machine has."""
    parts, left = [], as_int(characters, "characters")
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        parts.append(path.read_text(encoding="utf-8", errors="ignore")[:left])
        left -= len(parts[-1])
        if left == 0:
            break
    return "".join(parts)


class Vocabulary:
    """The tokens of a text, the most frequent first, and their ids.

    Parameters
    ----------
    tokens : sequence of str
        Id 0 stands for all others and should be `UNKNOWN`.
    words : bool
        Whether they are words, as `words_of` gives them, with marks at the start and the end of each sentence as in
        article 5; or characters.
    lines : bool
        Whether each line is a sentence; else one ends after ``.``, ``?``, ``!`` and their like in other scripts, with
        the quotes and brackets that close there, and at an empty line.
    """

    def __init__(self, tokens: Sequence[str], words: bool = False, lines: bool = False) -> None:
        self.tokens = as_list(tokens, "tokens", "strings")
        self.words, self.lines = as_flag(words, "words"), as_flag(lines, "lines")
        if lines and not words:
            raise ValueError("lines must be False for a vocabulary of characters; received True")
        strings = all(isinstance(token, str) for token in self.tokens)
        if not self.tokens or not strings or len(set(self.tokens)) != len(self.tokens):
            raise ValueError("tokens must be different strings, at least one; received others")
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def of(cls, text: str, *, words: bool = False, lines: bool = False, limit: int | None = None) -> Vocabulary:
        """Take the tokens of a text, at most ``limit`` of them, the unknown one included."""
        if limit is not None and as_int(limit, "limit") < 2:
            raise ValueError(f"limit must be at least 2, as one token stands for what is unknown; received {limit}")
        return cls(_most_common(_counted(_split(text, words, lines)), limit), words, lines)

    @classmethod
    def of_words(cls, words: Iterable[str]) -> Vocabulary:
        """Take words, such as those of trees: all but every tenth of those that occur once.

        These stay unknown, so that whoever trains on the words learns what to make of unknown ones.
        """
        counts = _counted(words)
        once = sorted(word for word in counts if counts[word] == 1)
        return cls(_most_common(counts, None, set(once[::_LEFT_OUT])), words=True)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode_one(self, token: str) -> int:
        """Give a token's id."""
        return self._ids.get(token, 0)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def encode(self, text: str, *, whole: bool = True) -> Array:
        """Give the ids of a text's tokens, int64; where it is not whole, its last sentence is to go on."""
        return np.array([self.encode_one(token) for token in _split(text, self.words, self.lines, whole)], np.int64)

    def unknown(self, text: str) -> list[str]:
        """Give the tokens of a text, which may go on, that are not in the vocabulary, each once."""
        tokens = _split(text, self.words, self.lines, whole=False)
        return list(dict.fromkeys(token for token in tokens if token not in self))

    def decode(self, ids: Iterable[int]) -> str:
        """Give the text of ids."""
        numbers = [as_int(i, "ids", least=0) for i in ids]
        if max(numbers, default=0) >= len(self):
            raise ValueError(f"ids must be from 0 to {len(self) - 1}; received {max(numbers)}")
        tokens = [self.tokens[i] for i in numbers]
        if not self.words:
            return "".join("\ufffd" if token == UNKNOWN else token for token in tokens)
        return text_of("\n" if token == END else token for token in tokens if token != START)


def _counted(tokens: Iterable[str]) -> Counter[str]:
    """Count tokens, but for those that a text has for unknown ones."""
    counts = Counter(tokens)
    del counts[UNKNOWN]
    return counts


def _most_common(counts: Counter[str], limit: int | None, but: Container[str] = ()) -> list[str]:
    """Give the unknown token, and after it the others, the most frequent first."""
    common = sorted((t for t in counts if t not in but), key=lambda token: (-counts[token], token))
    return [UNKNOWN, *common[: None if limit is None else limit - 1]]


def _split(text: str, words: bool, lines: bool, whole: bool = True) -> Iterable[str]:
    if not isinstance(text, str):
        raise TypeError(f"text must be a string; received {type(text).__name__}")
    if not words:
        return text
    sentences = sentences_of(text, lines=lines, whole=whole)
    tokens = [token for sentence in sentences for token in (START, *sentence, END)]
    return tokens if whole else tokens[:-1]


def text_windows(ids: Any, batch: int, steps: int) -> tuple[Array, Array]:
    """Cut a text into windows for a stateful network: it is parted into ``batch`` streams, side by side.

    Parameters
    ----------
    ids : array_like of int, shape (L,)
        Of tokens.
    batch, steps : int
        Streams, and the tokens of a window.

    Returns
    -------
    x, y : ndarray, shape (W batch, steps)
        Row w batch + i is window w of stream i; y is what follows each token of x. What is left at the end is dropped.

    Raises
    ------
    ValueError
        If there is not one window for each stream.
    """
    ids, batch, steps = as_real(ids, "ids"), as_int(batch, "batch"), as_int(steps, "steps")
    if ids.dtype.kind not in "iu" or ids.ndim != 1:
        raise ValueError(f"ids must be integers of shape (L,); received {ids.dtype} of shape {ids.shape}")
    length = (len(ids) - 1) // batch
    windows = length // steps
    if windows < 1:
        raise ValueError(
            f"the text must have at least {batch * steps + 1} tokens, a window of {steps} for each of {batch} streams; "
            f"it has {len(ids)}"
        )
    streams = [ids[start : start + batch * length].reshape(batch, length)[:, : windows * steps] for start in (0, 1)]
    x, y = (s.reshape(batch, windows, steps).swapaxes(0, 1).reshape(-1, steps) for s in streams)
    return np.ascontiguousarray(x), np.ascontiguousarray(y)
