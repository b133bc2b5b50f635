"""The tokens of a text, characters or words, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from reprlib import repr as short

import numpy as np

from .._types import Array
from .._validation.values import as_flag, as_int, as_list
from .words import sentences_of, text_of

__all__ = ["Vocabulary"]

_LEFT_OUT = 10  # one in so many of the words that occur once
UNKNOWN, START, END = "<unknown>", "<s>", "<e>"


class Vocabulary:
    """The tokens of a text and their ids, the most frequent first.

    Parameters
    ----------
    tokens : sequence of str
        The tokens in the order of their ids. The first stands for all tokens that are not among them, and should be
        `UNKNOWN`.
    words : bool
        Whether tokens are words, as `words_of` gives them, with marks at the start and the end of each sentence as in
        article 5; otherwise they are characters.
    lines : bool
        Whether each line is a sentence. Otherwise a sentence ends after ``.``, ``?``, ``!`` or their counterparts in
        other scripts, with the quotes and brackets that close there, and at an empty line.
    """

    words: bool
    lines: bool

    def __init__(self, tokens: Sequence[str], words: bool = False, lines: bool = False) -> None:
        self.tokens: list[str] = as_list(tokens, "tokens", "strings")
        self.words, self.lines = as_flag(words, "words"), as_flag(lines, "lines")
        if lines and not words:
            raise ValueError("lines must be False for a vocabulary of characters; received True")
        strings = all(isinstance(token, str) for token in self.tokens)
        if not self.tokens or not strings or len(set(self.tokens)) != len(self.tokens):
            raise ValueError(f"tokens must be different strings, at least one; received {short(self.tokens)}")
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    def __repr__(self) -> str:
        kind = "words" if self.words else "characters"
        return f"<Vocabulary of {len(self):,} {kind}: {', '.join(map(repr, self.tokens[:4]))}, ...>"

    @classmethod
    def of(cls, text: str, *, words: bool = False, lines: bool = False, limit: int | None = None) -> Vocabulary:
        """Make the vocabulary of a text.

        Parameters
        ----------
        text : str
        words, lines : bool
            As for `Vocabulary` itself.
        limit : int, optional
            The most tokens, the unknown one included: the most frequent; all by default.
        """
        if limit is not None and as_int(limit, "limit") < 2:
            raise ValueError(f"limit must be at least 2, as one token stands for what is unknown; received {limit}")
        return cls(_most_common(_counted(_split(text, words, lines)), limit), words, lines)

    @classmethod
    def of_words(cls, words: Iterable[str]) -> Vocabulary:
        """Make a vocabulary of words, such as those of trees, without every tenth of those that occur once.

        These are unknown, so that a network trained on the words learns how to treat unknown ones.
        """
        words = as_list(words, "words", "strings")
        for word in words:
            if not isinstance(word, str):
                raise TypeError(f"words must be strings; received {short(word)}")
        counts = _counted(words)
        once = sorted(word for word in counts if counts[word] == 1)
        return cls(_most_common(counts, None, set(once[::_LEFT_OUT])), words=True)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode_one(self, token: str) -> int:
        """Return a token's id."""
        return self._ids.get(token, 0)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def encode(self, text: str, *, whole: bool = True) -> Array:
        """Return the ids of a text's tokens, int64; if it is not whole, its last sentence gets no end mark."""
        return np.array([self.encode_one(token) for token in _split(text, self.words, self.lines, whole)], np.int64)

    def unknown(self, text: str) -> list[str]:
        """Return the tokens of a text that are not in the vocabulary, each once; its last sentence may stay open."""
        tokens = _split(text, self.words, self.lines, whole=False)
        return list(dict.fromkeys(token for token in tokens if token not in self))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text that ids stand for."""
        numbers = [as_int(i, "ids", least=0) for i in ids]
        if max(numbers, default=0) >= len(self):
            raise ValueError(f"ids must be from 0 to {len(self) - 1}; received {max(numbers)}")
        tokens = [self.tokens[i] for i in numbers]
        if not self.words:
            return "".join("\ufffd" if token == UNKNOWN else token for token in tokens)
        return text_of("\n" if token == END else token for token in tokens if token != START)


def _counted(tokens: Iterable[str]) -> Counter[str]:
    """Count tokens, except those with which the text itself marks unknown ones."""
    counts = Counter(tokens)
    del counts[UNKNOWN]
    return counts


def _most_common(counts: Counter[str], limit: int | None, but: Container[str] = ()) -> list[str]:
    """Return the unknown token, then the others, the most frequent first."""
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
