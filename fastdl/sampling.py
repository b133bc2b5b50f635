"""Writing text with a language model, token after token."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ._validation import as_int, as_number
from .datasets.text import START, Vocabulary
from .model import Sequential

__all__ = ["sample"]


def sample(
    net: Sequential,
    vocabulary: Vocabulary,
    prompt: str = "",
    *,
    length: int = 500,
    temperature: float = 1.0,
    seed: int | None = None,
) -> str:
    """Go on where a prompt ends.

    Parameters
    ----------
    net : Sequential
        As `models.language_model` makes it. Its state is reset, before and after.
    vocabulary : Vocabulary
    prompt : str
    length : int
        How many tokens to write.
    temperature : float
        What logits are divided by: below 1 for what is likelier, 0 for the likeliest alone.
    seed : int, optional

    Returns
    -------
    str
        The prompt and what follows.
    """
    as_int(length, "length")
    temperature = as_number(temperature, "temperature")
    ids = list(vocabulary.encode(prompt))
    if vocabulary.words and ids:
        ids.pop()  # the mark of the sentence's end: it is to go on
    start = ids or [int(vocabulary.encode_one(START if vocabulary.words else "\n"))]
    written = list(_tokens(net, np.array([start]), length, temperature, np.random.default_rng(seed)))
    return vocabulary.decode([*ids, *written])


def _tokens(
    net: Sequential, ids: np.ndarray, length: int, temperature: float, rng: np.random.Generator
) -> Iterator[int]:
    net.reset_state()
    for _ in range(length):
        logits = net.predict(ids)[0, -1].astype(float)
        logits[0] = -np.inf  # what is unknown is nothing to write
        if temperature > 0:
            weights = np.exp((logits - logits.max()) / temperature)
            token = int(rng.choice(len(weights), p=weights / weights.sum()))
        else:
            token = int(logits.argmax())
        yield token
        ids = np.array([[token]])
    net.reset_state()
