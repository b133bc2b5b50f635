"""Typed texts, which a language model continues."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar

import numpy as np

from .._types import Array
from .._validation.values import as_int, as_number
from ..sequential import Sequential
from ..text.sampling import check_language_model, likely, read_again, sample, starting
from ..text.vocabulary import Vocabulary
from .requests import characters_in, fields_of

_SHOWN = 10  # how many of the likeliest tokens to show
_LONGEST = 400  # the most tokens written at once
_KEPT = 32  # texts whose states are kept, as a typed text continues an earlier one
_BACK = 16  # the most tokens by which a text may be longer than a kept one


class Writing:
    """A language model, shown with the tokens that it expects next."""

    takes: ClassVar[str] = "application/json"
    most: ClassVar[int] = 1 << 16

    def __init__(self, net: Sequential, name: str = "net") -> None:
        try:
            self.vocabulary = Vocabulary(net.notes["vocabulary"], net.notes["words"], net.notes["lines"])
            check_language_model(net, self.vocabulary)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{name} must be a language model, as train lm --save writes it") from None
        self.net = net
        self._kept: OrderedDict[tuple[int, ...], tuple[Any, Array]] = OrderedDict()

    def about(self) -> dict[str, Any]:
        """Say whether its tokens are words."""
        return {"kind": "writing", "words": self.vocabulary.words, "most": characters_in(self.most), "length": _LONGEST}

    def answer(self, asked: bytes) -> dict[str, Any]:
        """Return the tokens that are likely after a text, or continue it by a number of tokens."""
        given = fields_of(asked, text=str, length=(int, type(None)), temperature=(int, float, type(None)))
        text, temperature = given["text"], as_number(given["temperature"] or 0.0, "temperature")
        if given["length"] is not None:
            length = as_int(given["length"], "length", most=_LONGEST)
            self._kept.clear()  # sampling changes the network's states
            return {"text": sample(self.net, self.vocabulary, text, length=length, temperature=temperature)}
        shares = likely(self._logits(tuple(self.vocabulary.encode(text, whole=False).tolist())), 1.0)
        best = np.argsort(-shares, kind="stable")[:_SHOWN]
        return {
            "next": [[self.vocabulary.tokens[token], float(shares[token])] for token in best],
            "unknown": self.vocabulary.unknown(text)[:_SHOWN],
        }

    def _logits(self, ids: tuple[int, ...]) -> Array:
        """Return the logits of the next token; of a text that continues an earlier one, only the new part is read."""
        if not self.net.stateful:
            return self._read(starting(self.vocabulary, list(ids))[-1 - read_again(self.net) :])
        for known in range(len(ids), max(0, len(ids) - _BACK), -1):
            if kept := self._kept.get(ids[:known]):
                self.net.state, logits = kept
                break
        else:
            known = 0
            self.net.reset_state()
        if known < len(ids) or not ids:
            logits = self._read(list(ids[known:]) or starting(self.vocabulary, []))
        self._kept[ids] = self.net.state, logits
        self._kept.move_to_end(ids)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return logits

    def _read(self, ids: list[int]) -> Array:
        logits: Array = self.net.predict([ids])[0, -1]
        return logits
