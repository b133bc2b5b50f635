"""Files of bracketed trees, as treebanks come."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .._files import as_path
from ..text.reading import read_text
from .arrays import Trees

__all__ = ["read_trees"]


def read_trees(path: str | os.PathLike[str], *, names: Sequence[str] | None = None) -> Trees:
    r"""Read a file of bracketed trees: the Stanford Sentiment Treebank's, the Penn Treebank's, and the like.

    Parameters
    ----------
    path : path-like
        A file in UTF-8. A tree may span several lines.
    names : sequence of str, optional
        The names that labels may have, such as another file's ``names``; any by default. A label that is an integer is
        its own number.

    Returns
    -------
    Trees
        Trees of any branching: ``binarize()`` makes them binary. A node without a label has -1. In words, -LRB-, -RRB-,
        -LCB-, -RCB-, -LSB-, -RSB-, ``\/`` and ``\*`` become (, ), {, }, [, ], ``/`` and ``*``.

    Raises
    ------
    ValueError
        If the file is wrong; the error names the line and the column.
    """
    return Trees.parse(read_text(path), name=as_path(path), names=names)
