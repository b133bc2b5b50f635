"""A language model."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from bench import sequences
from bench.contestants import Task

from .adam import adam_step
from .recurrent import sequence


def _logits(p, x, state, dropout, key):
    h, state = sequence("lstm", p, p["embedding"][x], state)
    if dropout:
        h = jnp.where(jax.random.bernoulli(key, 1 - dropout, h.shape), h / (1 - dropout), 0)
    return h @ p["weight"].T + p["bias"], state


def _language_loss(p, x, y, state, dropout, key):
    logits, state = _logits(p, x, state, dropout, key)
    chosen = jnp.take_along_axis(logits, y[..., None], -1)[..., 0]
    return (jax.nn.logsumexp(logits, -1) - chosen).mean(), state


def _clipped(p, x, y, state, dropout, key):
    g, state = jax.grad(_language_loss, has_aux=True)(p, x, y, state, dropout, key)
    norm = jnp.sqrt(sum((a**2).sum() for a in jax.tree.leaves(g)))
    return jax.tree.map(lambda a: a * jnp.minimum(1, sequences.CLIP / norm), g), state


@partial(jax.jit, donate_argnums=0)
def _adam(run, x, y):
    p, m, v, t, state, key = run
    key, draw = jax.random.split(key)
    g, state = _clipped(p, x, y, state, sequences.DROPOUT, draw)
    return *adam_step(p, m, v, t, g, sequences.RATE), state, key


@jax.jit
def _descend(p, x, y, state):
    g, state = _clipped(p, x, y, state, 0.0, None)
    return jax.tree.map(lambda p, g: p - sequences.CHECKED_RATE * g, p, g), state


def language(threads):
    x, y = (jnp.asarray(a, "int32").reshape(-1, sequences.STREAMS, sequences.WINDOW) for a in sequences.windows())
    x, y = list(x[: sequences.TIMED_STEPS]), list(y[: sequences.TIMED_STEPS])

    def start():
        return {name: jnp.array(w) for name, w in sequences.language_start().items()}

    def zeros(streams=sequences.STREAMS):
        return tuple(jnp.zeros((streams, sequences.UNITS)) for _ in range(2))

    p, state = start(), zeros()
    for i in range(sequences.CHECKED_STEPS):
        p, state = _descend(p, x[i], y[i], state)
    check = np.asarray(_logits(p, x[0][:4], zeros(4), 0.0, None)[0])
    p = start()
    state = p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p), 0.0, zeros(), jax.random.key(0)
    state = _adam(state, x[0], y[0])

    def run():
        nonlocal state
        for one, other in zip(x, y, strict=True):
            state = _adam(state, one, other)
        jax.block_until_ready(state[0])

    return Task(check, run, sequences.TIMED_STEPS * sequences.STREAMS * sequences.WINDOW)


WORKS = {"language": language}
