"""Brackets and signs within words, as treebanks write them."""

from __future__ import annotations

import re

# How the Penn Treebank writes characters that are part of its own notation.
_ESCAPES = {
    "-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}", "-LSB-": "[", "-RSB-": "]", r"\/": "/", r"\*": "*",
}  # fmt: skip
_ESCAPED = re.compile("|".join(map(re.escape, _ESCAPES)))


def escaped(word: str) -> str:
    """Write the round brackets in a word as the Penn Treebank does."""
    return word.replace("(", "-LRB-").replace(")", "-RRB-")


def unescaped(text: str) -> str:
    """Replace the Penn Treebank's escapes by the characters that they stand for."""
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group()], text)
