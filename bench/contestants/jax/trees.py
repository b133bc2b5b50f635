"""A recursive network, whose batches are padded to one shape."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench import trees as sentiment
from bench.contestants import Task

from .adam import adam_step


def _padded(batches):
    """Make batches alike: leaves, nodes of each height, and labels with what they count, with room for all of them."""
    counts = [[len(b.tokens), *map(len, b.children)] for b in batches]
    room = np.max([c + [0] * (max(map(len, counts)) - len(c)) for c in counts], axis=0)
    starts = np.cumsum(room) - room
    return [_pad(batch, count, room, starts) for batch, count in zip(batches, counts, strict=True)]


def _pad(batch, counts, room, starts):
    rows = np.concatenate([start + np.arange(count) for start, count in zip(starts, counts, strict=False)])
    tokens, children = np.zeros(room[0], "int32"), [np.zeros((n, 2), "int32") for n in room[1:]]
    labels, weights = np.zeros(room.sum(), "int32"), np.zeros(room.sum(), "float32")
    tokens[: counts[0]] = batch.tokens
    for given, level in zip(batch.children, children, strict=False):
        level[: len(given)] = rows[given]
    labels[rows], weights[rows] = batch.labels, 1 / len(rows)
    return jax.tree.map(jnp.asarray, (tokens, children, labels, weights)), rows[batch.rows]


def _node_logits(p, tokens, children):
    h = (
        jnp.zeros((len(tokens) + sum(map(len, children)), sentiment.UNITS))
        .at[: len(tokens)]
        .set(p["embedding"][tokens])
    )
    start = len(tokens)
    for level in children:
        x = h[level].reshape(len(level), 2 * sentiment.UNITS)
        h = lax.dynamic_update_slice(h, jnp.tanh(x @ p["weight"].T + p["bias"]), (start, 0))
        start += len(level)
    return h @ p["dense_weight"].T + p["dense_bias"]


@jax.grad
def _trees_gradient(p, tokens, children, labels, weights):
    logits = _node_logits(p, tokens, children)
    chosen = jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]
    return weights @ (jax.nn.logsumexp(logits, 1) - chosen)


@partial(jax.jit, donate_argnums=0)
def _trees_adam(state, batch):
    return adam_step(*state, _trees_gradient(state[0], *batch), sentiment.RATE)


@jax.jit
def _trees_descend(p, batch):
    return jax.tree.map(lambda p, g: p - sentiment.CHECKED_RATE * g, p, _trees_gradient(p, *batch))


def trees(threads):
    batches = [batch for batch, _ in _padded(sentiment.batches())]

    def start():
        return {name: jnp.array(w) for name, w in sentiment.start().items()}

    p = start()
    for batch in batches[: sentiment.CHECKED_STEPS]:
        p = _trees_descend(p, batch)
    (((tokens, children, *_), rows),) = _padded([sentiment.layered(0, sentiment.CHECKED_TREES)])
    check = np.asarray(_node_logits(p, tokens, children))[rows]
    p = start()
    state = _trees_adam((p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p), 0.0), batches[0])

    def run():
        nonlocal state
        for batch in batches:
            state = _trees_adam(state, batch)
        jax.block_until_ready(state)

    return Task(check, run, 1)


WORKS = {"trees": trees}
