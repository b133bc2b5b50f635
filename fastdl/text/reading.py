"""Files of plain text."""

from __future__ import annotations

import os

from .._files import as_path, open_file

__all__ = ["read_text"]


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a file of UTF-8 text, without the byte order mark that some editors put before it.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str

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
