"""Text written by a language model, token after token."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from .._core.kinds import RANDOM
from .._types import Array
from .._validation.values import as_generator, as_int, as_number, check_is
from ..sequential import Sequential
from .vocabulary import START, Vocabulary

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
    """Continue a prompt.

    Parameters
    ----------
    net : Sequential
        A language model, such as `models.language_model` or `models.transformer`. Its state is reset before and after.
        A model with attention reads as many of the last tokens as it can again for every new one.
    vocabulary : Vocabulary
    prompt : str
        Without a prompt, text begins as after the end of a line or a sentence; if the vocabulary has neither, as after
        its most frequent token.
    length : int
        The number of tokens to write.
    temperature : float
        The divisor of the logits: below 1 favours likely tokens; 0 always takes the likeliest.
    seed : int, optional

    Returns
    -------
    str
        The prompt, unchanged, and the text that follows.
    """
    check_language_model(net, vocabulary)
    if not isinstance(prompt, str):
        raise TypeError(f"prompt must be a string; received {prompt!r}")
    as_int(length, "length")
    temperature = as_number(temperature, "temperature")
    generator = as_generator(seed)
    ids = list(vocabulary.encode(prompt, whole=False))
    start = starting(vocabulary, ids)
    with net.turn.lock:  # so that no other thread changes the states
        written = list(_tokens(net, np.array([start]), length, temperature, generator))
    following = vocabulary.decode([*ids, *written])[len(vocabulary.decode(ids)) :]
    if vocabulary.words and prompt[-1:].isspace():
        following = following.lstrip(" ")
    return prompt + following


def starting(vocabulary: Vocabulary, ids: list[int]) -> list[int]:
    """Return the tokens to start from: those of the prompt, or one after which a line or a sentence begins."""
    return ids or [vocabulary.encode_one(START if vocabulary.words else "\n") or 1]


def likely(logits: Array, temperature: float) -> Array:
    """Return the probabilities of the next token: 0 for the unknown one; at temperature 0, 1 for the likeliest."""
    # A network whose training diverges may give logits that are not finite.
    logits = np.nan_to_num(logits.astype(float))
    logits[0] = -np.inf
    if temperature == 0:
        weights = np.eye(1, len(logits), int(logits.argmax()))[0]
    else:
        with np.errstate(over="ignore"):  # to minus infinity, whose exp is 0
            weights = np.exp((logits - logits.max()) / temperature)
    shares: Array = weights / weights.sum()
    return shares


def check_language_model(net: Sequential, vocabulary: Vocabulary) -> None:
    """Check that a network gives logits of the next token of this vocabulary, and can be run token by token."""
    check_is(net, "net", Sequential)
    check_is(vocabulary, "vocabulary", Vocabulary)
    if net.input_shape != (None,) or len(net.output_shape) != 2:
        raise ValueError(
            f"net must take tokens (None,) and give logits of each step (None, F); "
            f"received one from {net.input_shape} to {net.output_shape}"
        )
    states = net.reading.states
    attention = [op for op in net.graph_for((1,)).operations if op["kind"] == "attention"]
    goes_on = bool(states) and all(state.stateful for state in states) and not attention
    looks_back = bool(attention) and all(op["causal"] for op in attention) and not states
    if not goes_on and not looks_back:
        count, causal = sum(state.stateful for state in states), sum(op["causal"] for op in attention)
        raise ValueError(
            f"net must have recurrent layers, all with stateful=True, or else attention, all with causal=True; "
            f"received {len(states)} recurrent layers, {count} of them stateful, and {len(attention)} of attention, "
            f"{causal} of them causal: make a network of such layers, and copy net.parameters to it"
        )
    operations = [op for op in net.graph_for((1,)).operations if op["kind"] not in RANDOM]
    if operations[-1].get("activation") == "softmax":
        raise ValueError("net must end in logits; received one that ends in softmax")
    taken = min(tokens.vocabulary for tokens in net.reading.tokens)  # at least one, as only an embedding reads (None,)
    if len(vocabulary) < 2 or not len(vocabulary) == net.output_shape[1] <= taken:
        raise ValueError(
            f"vocabulary must have the tokens that net takes, {taken}, and gives, "
            f"{net.output_shape[1]}, and at least 2; received {len(vocabulary)}"
        )


def _tokens(
    net: Sequential, ids: np.ndarray, length: int, temperature: float, rng: np.random.Generator
) -> Iterator[int]:
    net.reset_state()
    again = read_again(net)
    if not net.stateful:
        ids = ids[:, max(0, ids.shape[1] - again - 1) :]
    for _ in range(length):
        shares = likely(net.predict(ids)[0, -1], temperature)
        token = int(rng.choice(len(shares), p=shares) if temperature > 0 else shares.argmax())
        yield token
        ids = np.hstack([ids[:, max(0, ids.shape[1] - again) :], [[token]]])
    net.reset_state()


def read_again(net: Sequential) -> int:
    """Return how many earlier tokens a network reads again for each new one: none if it has states."""
    if net.stateful:
        return 0
    places = [op["most_steps"] for op in net.graph_for((1,)).operations if op["kind"] == "positions"]
    return min(places, default=sys.maxsize) - 1
