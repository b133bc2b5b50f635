"""Tokenization of plain text in the style of the Penn Treebank, and the way back to plain text."""

# ruff: noqa: RUF001

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from .escapes import unescaped

__all__ = ["words_of"]

_ELLIPSIS, _DASH = "...", "--"
_OPENING = frozenset({"``", "`", "(", "[", "{"})
_CLOSING = frozenset({"''", "'", *")]}»」』）】"})
_ENDS = frozenset(".!?։؟۔।॥።፧。！？｡．")
_NO_SPACE_BEFORE = frozenset("',;:%،、，；：") | _CLOSING | _ENDS
_NO_SPACE_AFTER = _OPENING | {"'t", "'T", *"$#「『（【，、；：。！？"}

# Characters that people type, and the treebank's.
_TYPED = str.maketrans(
    {"“": "``", "”": "''", "‘": "`", "’": "'", "…": "...", "\u2010": "-", "\u2011": "-", "\u200b": " "}
    | dict.fromkeys("–—―", _DASH)
)
_RANGE = re.compile(r"(?<=\d)–(?=\d)")

# With a first letter of the other case, the names would be ordinary words.
_ABBREVIATION = re.compile(
    "approx|assn|aug|ave|blvd|bros|capt|cf|cmdr|co|col|corp|cos|dept|dr|esq|etc|feb|ft|gen|gov|hon|inc|jan|jr|lt|ltd|maj|"
    r"messrs|mr|mrs|ms|mt|nov|oct|ph\.d|pp|prof|rep|rev|sen|sept|sgt|sr|st|univ|viz|vol|vols|vs|(?:[^\W\d_]\.)+[^\W\d_]",
    re.IGNORECASE,
)
_NAME = re.compile(
    "al|Adm|Ala|Apr|Ariz|Calif|Colo|Conn|Dec|Del|Fla|Ga|Ind|Kan|Ky|La|Mass|Md|Mich|Minn|Mo|Mont|Neb|Nev|Okla|Ore|Pa|Pres|"
    "Tenn|Tex|Va|Vt|Wash|Wis|Wyo"
)

# `c` is a character of a word, `ending` is split off from a word, and `marks` belong to the character before.
_WORD = r"""
    </?\w+> | @[-.,]@                       # <unk> and @-@, as corpora have them
  | \w+://\S*[\w/]
  | '{ending}                               # it 's
  | '(?i:t)(?=(?i:is|was)(?!{c}))           # 't is
  | ['`](?i:\d\ds?|em|til|cause|bout|round|n'?)(?!{c})
  | (?i:ol)'(?!{c})
  | (?P<word>
      (?:\.(?=\d))? {c}+ (?: (?: [-/&@·׳״] | \.-? | (?<=\d)[,:\xa0\u202f](?=\d) | (?!'{ending})' ) {c}+ )*
      (?:\.(?!\.))?
    )
  | \.\s?\.\s?\. | \.\. | --+ | [?!]+ | \*+ | `` | '' | [^\w\s](?:{marks}|(?<=\u200d)[^\w\s])*
"""


@functools.lru_cache
def _words(pages: tuple[int, ...]) -> re.Pattern[str]:
    """Return the pattern of words, with the combining marks of some Unicode blocks, which `re` excludes from words."""
    marks = "".join(chr(256 * page + i) for page in pages for i in range(256) if _is_mark(chr(256 * page + i)))
    c = rf"[\w{marks}]"
    return re.compile(_WORD.format(c=c, marks=f"[{marks}]", ending=f"(?i:s|m|d|ll|re|ve)(?!{c})"), re.VERBOSE)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


def words_of(sentence: str, *, whole: bool = True) -> list[str]:
    r"""Split a sentence into words as the Penn Treebank does.

    Punctuation marks and the ends of ``it's`` and ``isn't`` are words too. Quotes, straight or not, become two accents
    (\`\`) and ``''``, single ones an accent and ``'``; dashes become ``--``, dots ``...``. The points of abbreviations
    and initials belong to the word, as do the signs in ``co-written``, ``and/or``, ``o'clock`` and ``9.50``, and in
    every script the accents, vowel signs and joiners. Words must be separated by spaces, so Chinese, for one, is not
    split.

    Parameters
    ----------
    sentence : str
        Plain text, or words as a treebank writes them, ``-LRB-`` and ``\/`` among them.
    whole : bool
        Whether the sentence ends here: then the point of a final ``etc.`` is a word of its own as well.
    """
    if not isinstance(sentence, str):
        raise TypeError(f"sentence must be a string; received {type(sentence).__name__}")
    text = _RANGE.sub("-", unescaped(sentence)).translate(_TYPED)
    pages = {ord(c) // 256 for c in {*text, "\u0301"} if _is_mark(c)}
    words: list[str] = []
    quoted = False
    for match in _words(tuple(sorted(pages))).finditer(text):
        word = match.group()
        if match.lastgroup:
            point = [] if word[-1] != "." or _is_short(word[:-1], text[match.end() : match.end() + 9]) else ["."]
            words += [*_contracted(word[:-1] if point else word), *point]
            continue
        if word in ('"', "'"):
            word = _quote(match, words[-1:], quoted)
        elif word.startswith("`") and word[1:].isalnum():
            word = "'" + word[1:]
        elif word.startswith(_DASH):
            word = _DASH
        elif "".join(word.split()) == _ELLIPSIS:
            word = _ELLIPSIS
        if word in ("``", "''"):
            quoted = word == "``"
        words.append(word)
    end = len(words)
    while end and words[end - 1] in ("''", "'"):
        end -= 1
    if whole and end and words[end - 1].endswith(".") and words[end - 1].strip("."):
        words.insert(end, ".")
    return words


def _contracted(word: str) -> tuple[str, ...]:
    """Split contractions: is n't, can not."""
    before = len(word) - 3
    return (word[:before], word[before:]) if before and word.lower().endswith(("n't", "cannot")) else (word,)


def _is_short(word: str, following: str) -> bool:
    """Return from what follows whether the point after a word belongs to the word."""
    if _ABBREVIATION.fullmatch(word) or _NAME.fullmatch(word):
        return True
    if word.lower() == "no":
        return following.lstrip()[:1].isdigit()  # No. 1
    initial = len(word) == 1 and word.isupper() and word != "I"
    return initial and following[:1].isspace() and not following.isspace()  # the J. of a name


def _quote(match: re.Match[str], before: list[str], quoted: bool) -> str:
    """Find the direction of a straight quote: it opens if something follows without a space, and no word precedes."""
    double, text = match.group() == '"', match.string
    joined = match.start() > 0 and not text[match.start() - 1].isspace()
    if joined and before[0] not in _OPENING | {"-", "/", _DASH}:
        opens = False
    elif match.end() == len(text) or text[match.end()].isspace():
        opens = double and not quoted
    else:
        opens = True
    return ("``" if double else "`") if opens else ("''" if double else "'")


def sentences_of(text: str, *, lines: bool = False, whole: bool = True) -> Iterator[list[str]]:
    """Yield the words of each sentence: each line, or up to each end of a sentence or paragraph."""
    parts = [part for part in re.split(r"\n" if lines else r"\n\s*\n", text) if not part.isspace() and part]
    for i, part in enumerate(parts):
        words = words_of(part, whole=whole or i < len(parts) - 1)
        if lines:
            yield words
        else:
            yield from _parted(words)


def _parted(words: list[str]) -> Iterator[list[str]]:
    sentence: list[str] = []
    ended = False
    for word in words:
        if ended and word not in _CLOSING:
            ended = False
            if not (sentence[-1] in _CLOSING and word[0].islower()):  # "Why?" he asked.
                yield sentence
                sentence = []
        sentence.append(word)
        ended = ended or (_ENDS.issuperset(word) and ".." not in word)
    if sentence:
        yield sentence


def text_of(words: Iterable[str]) -> str:
    """Write words as plain text, whose beginning does not depend on the words that follow."""
    text, apart = "", False
    for word in words:
        ending = re.fullmatch(r"(?i)n't|'(?:s|m|d|ll|re|ve)", word)
        if word == "." and text.endswith(".") and not text.endswith(".."):
            continue
        if apart and not (ending or word.isspace() or _NO_SPACE_BEFORE.issuperset(word)):
            text += " "
        text += {"``": '"', "''": '"', "`": "'"}.get(word, word)
        apart = word not in _NO_SPACE_AFTER and not word.isspace()
    return text
