"""Files of bracketed trees, as treebanks have them."""

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
        UTF-8. A tree may go over several lines.
    names : sequence of str, optional
        What labels may be called, as another file's ``names``; any, where not given. Integers are their own numbers.

    Returns
    -------
    Trees
        Of any branching: ``binarize()`` makes them binary. A node without a label has -1. Of words, -LRB-,
        -RRB-, -LCB-, -RCB-, -LSB-, -RSB-, ``\/`` and ``\*`` are (, ), {, }, [, ], ``/`` and ``*``.

    Raises
    ------
    ValueError
        Names the file, the line and the column of what is wrong.
    """
    return Trees.parse(read_text(path), name=as_path(path), names=names)
