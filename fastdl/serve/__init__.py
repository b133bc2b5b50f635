"""A web page to draw or type on, which shows a network's answers; needs the extra ``serve``.

`serve` and ``fastdl serve FILE`` run it. `drawing`, `writing` and `sentences` are the subjects of a page: each
describes its network to the page, and answers its requests. `application` gives the page's files and these answers to
browsers; `guard` refuses requests that do not come from the page.
"""

from .server import serve

__all__ = ["serve"]
