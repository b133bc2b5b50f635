"""A page on which one draws or types, and sees what a network says of it; needs the extra ``serve``.

`serve` runs it, ``fastdl serve FILE`` too. `drawing`, `writing` and `sentences` are what a page may be about: each says
what there is to know of its network, and answers; `application` gives the page's files and these answers to browsers,
`guard` refuses what no browser of ours would ask.
"""

from .server import serve

__all__ = ["serve"]
