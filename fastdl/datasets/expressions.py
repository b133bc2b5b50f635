"""A treebank that every machine has: the expressions of Python's standard library."""

from __future__ import annotations

import ast
import io
import sysconfig
import tokenize
import warnings
from pathlib import Path

from .._validation.values import as_int
from ..text.escapes import escaped
from ..trees import Trees

__all__ = ["expression_trees", "expression_words"]

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_KINDS = {tokenize.NUMBER: "<number>", tokenize.STRING: "<string>"}
_SHORTEST, _LONGEST = 3, 40  # tokens
_NO_TOKENS = (tokenize.ERRORTOKEN, tokenize.OP)  # the latter from Python 3.12 on; known signs have types of their own
# The ends of strings that hold expressions, which are several tokens from Python 3.12 on.
_OPENING, _CLOSING = ([getattr(tokenize, f"{kind}STRING_{end}", -1) for kind in "FT"] for end in ("START", "END"))
_SKIPPED = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)

Span = tuple[int, int]


def expression_trees(count: int = 10_000) -> Trees:
    """Return the binary trees of different expressions in Python's standard library, file after file.

    The leaves are tokens; numbers and strings are ``<number>`` and ``<string>``. A node is an expression of the
    language's grammar, or what stands between brackets, and is made binary as `Trees.binarize` does.

    Parameters
    ----------
    count : int
        The most trees to give.

    Returns
    -------
    Trees
        Trees of 3 to 40 words, without labels.
    """
    found: dict[str, None] = {}
    count = as_int(count, "count")
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for line in _lines(path.read_text(encoding="utf-8", errors="ignore")):
            found[line] = None
            if len(found) == count:
                return Trees.parse("\n".join(found)).binarize()
    return Trees.parse("\n".join(found)).binarize()


def expression_words(source: str) -> list[str]:
    """Split an expression into the words of `expression_trees`.

    Parameters
    ----------
    source : str

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If Python cannot split it, as it has unknown signs, or brackets or strings that do not end.
    """
    if not isinstance(source, str):
        raise TypeError(f"source must be a string; received {type(source).__name__}")
    try:
        tokens = [token for token in _tokens(source) if token.string]
    except (SyntaxError, tokenize.TokenError) as error:
        raise ValueError(f"source must be an expression of Python; {error.args[0]}") from None
    words, odd, depth = [], [], 0  # within strings that hold expressions
    for token in tokens:
        # Python 3.12 has a token for the sign before a conversion, which stands in such strings alone.
        if token.exact_type in _NO_TOKENS or (depth == 0 and token.string == "!"):
            odd.append(token.string)
        if depth == 0:
            words.append(_KINDS[tokenize.STRING] if token.type in _OPENING else _word(token))
        depth += (token.type in _OPENING) - (token.type in _CLOSING)
    if odd:
        sign = next(filter(str.strip, odd), odd[0])  # the spaces before a sign are odd too
        raise ValueError(f"source must be an expression of Python; it cannot have {sign!r} there")
    return words


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    return [t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type not in _SKIPPED]


def _word(token: tokenize.TokenInfo) -> str:
    return _KINDS.get(token.type, token.string)


def _lines(source: str) -> list[str]:
    """Return the expressions of a file, each as a line of brackets."""
    if not source.isascii():  # columns count bytes in ast, and characters in tokenize
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(source)
        tokens = _tokens(source)
    except (SyntaxError, tokenize.TokenError):
        return []
    starts = {token.start: i for i, token in enumerate(tokens)}
    ends = {token.end: i + 1 for i, token in enumerate(tokens)}
    words = [_word(token) for token in tokens]

    def span(node: ast.AST) -> Span | None:
        if not isinstance(node, (ast.expr, ast.keyword)) or node.end_lineno is None or node.end_col_offset is None:
            return None
        first = starts.get((node.lineno, node.col_offset))
        last = ends.get((node.end_lineno, node.end_col_offset))
        return None if first is None or last is None else (first, last)

    lines = []
    for statement in ast.walk(module):
        if not isinstance(statement, ast.stmt):
            continue
        for expression in ast.iter_child_nodes(statement):
            whole = span(expression)
            if whole is None or not _SHORTEST <= whole[1] - whole[0] <= _LONGEST:
                continue
            nodes = list(ast.walk(expression))
            if any(isinstance(node, ast.JoinedStr) for node in nodes):  # one token holds expressions
                continue
            spans = {found for node in nodes if (found := span(node)) is not None} | _bracketed(words, *whole)
            if (line := _brackets(words, spans, whole)) is not None:
                lines.append(line)
    return lines


def _bracketed(words: list[str], first: int, last: int) -> set[Span]:
    """Return the spans of each pair of brackets, and of what is between them."""
    spans, stack = set(), []
    for i in range(first, last):
        if words[i] in _PAIRS:
            stack.append(i)
        elif stack and words[i] == _PAIRS[words[stack[-1]]]:
            opened = stack.pop()
            spans |= {(opened, i + 1), (opened + 1, i)}
    return spans


def _brackets(words: list[str], spans: set[Span], whole: Span) -> str | None:
    """Write the nested spans as a bracketed tree; None if two of them cross."""
    ordered = sorted((s for s in spans if s[1] - s[0] > 1), key=lambda s: (s[0], -s[1]))
    parts: list[str] = []
    opened: list[int] = []  # the ends of open spans
    for i in range(*whole):
        while opened and opened[-1] == i:
            opened.pop()
            parts.append(")")
        while ordered and ordered[0][0] == i:
            end = ordered.pop(0)[1]
            if opened and end > opened[-1]:
                return None
            opened.append(end)
            parts.append("(@")
        parts.append(f"(@ {escaped(words[i])})")
    return " ".join([*parts, *")" * len(opened)])
