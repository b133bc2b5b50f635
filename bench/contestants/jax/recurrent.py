"""Recurrent layers, forward and backward."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench import sequences
from bench.contestants import Task


def _rnn_cell(p, state, x):
    h = jnp.tanh(x + state[0] @ p["weight_hh"].T + p["bias_hh"])
    return (h,), h


def _lstm_cell(p, state, x):
    i, f, g, o = jnp.split(x + state[0] @ p["weight_hh"].T + p["bias_hh"], 4, -1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def _gru_cell(p, state, x):
    (xr, xz, xn), (hr, hz, hn) = jnp.split(x, 3, -1), jnp.split(state[0] @ p["weight_hh"].T + p["bias_hh"], 3, -1)
    r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
    n = jnp.tanh(xn + r * hn)
    h = n + z * (state[0] - n)
    return (h,), h


_CELLS = {"rnn": _rnn_cell, "lstm": _lstm_cell, "gru": _gru_cell}


def sequence(cell, p, x, state):
    """Take x (N, T, F) through one product of all steps and a scan over time."""
    inputs = jnp.einsum("nti,gi->tng", x, p["weight_ih"]) + p["bias_ih"]
    state, h = lax.scan(partial(_CELLS[cell], p), state, inputs)
    return h.swapaxes(0, 1), state


def _recurrent(cell, batch, inputs, units):
    def prepare(threads):
        x, dy, weights = sequences.data(cell, batch, inputs, units)
        x, dy, p = jnp.asarray(x), jnp.asarray(dy), {name: jnp.asarray(w) for name, w in weights.items()}
        state = (jnp.zeros((batch, units)),) * (2 if cell == "lstm" else 1)

        @jax.jit
        def once(p, x, dy):
            y, back = jax.vjp(lambda p, x: sequence(cell, p, x, state)[0], p, x)
            return y, back(dy)

        calls = 100 if batch == 1 else 10

        def run():
            for _ in range(calls):
                jax.block_until_ready(once(p, x, dy))

        y, (gradients, dx) = jax.tree.map(np.asarray, once(p, x, dy))
        return Task(sequences.digest(y, dx, gradients), run, calls)

    return prepare


WORKS = {name: _recurrent(*case) for name, case in sequences.CASES.items()}
