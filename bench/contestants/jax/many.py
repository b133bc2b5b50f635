"""Many networks at once in JAX: an epoch as one compiled scan over batches of a step that is mapped over networks."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench import many
from bench.contestants import Task


def _outputs(weights, x):
    *hidden, (last, bias) = weights
    for w, b in hidden:
        x = jax.nn.relu(x @ w + b)
    return x @ last + bias


def _start(name):
    """Return pairs of weights (networks, in, out) and biases (networks, out)."""
    given = many.start(name)
    return [(jnp.array(w.transpose(0, 2, 1)), jnp.array(b)) for w, b in zip(given[::2], given[1::2], strict=True)]


def _training(name):
    def prepare(threads):
        case = many.CASES[name]
        x, y = map(jnp.asarray, many.data(name))

        def loss(weights, x, y):
            outputs = _outputs(weights, x)
            if case.labelled:
                chosen = jnp.take_along_axis(outputs, y[:, None], -1)[:, 0]
                return (jax.nn.logsumexp(outputs, -1) - chosen).mean()
            return 0.5 * ((outputs - y) ** 2).sum() / len(x)

        gradient = jax.grad(loss)

        def descend(weights, x, y):
            return jax.tree.map(lambda w, d: w - many.CHECKED_RATE * d, weights, gradient(weights, x, y))

        def adam(state, batch):
            weights, m, v, t = state
            g, t = gradient(weights, *batch), t + 1
            m = jax.tree.map(lambda a, d: 0.9 * a + 0.1 * d, m, g)
            v = jax.tree.map(lambda a, d: 0.999 * a + 0.001 * d * d, v, g)
            one, two = 1 - 0.9**t, 1 - 0.999**t
            weights = jax.tree.map(
                lambda w, a, b: w - many.ADAM_RATE * (a / one) / (jnp.sqrt(b / two) + 1e-8), weights, m, v
            )
            return (weights, m, v, t), None

        few, weights = slice(many.CHECKED_BATCH), _start(name)
        step = jax.jit(jax.vmap(descend, in_axes=(0, None, None)))
        for _ in range(many.CHECKED_STEPS):
            weights = step(weights, x[few], y[few])
        check = np.asarray(jax.vmap(_outputs, in_axes=(0, None))(weights, x[few]))

        batches = x.reshape(-1, case.batch, *x.shape[1:]), y.reshape(-1, case.batch, *y.shape[1:])
        epoch = jax.jit(
            lambda state, batches: lax.scan(jax.vmap(adam, in_axes=(0, None)), state, batches), donate_argnums=0
        )
        weights = _start(name)
        zeros = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)]
        state, _ = epoch((weights, *zeros, jnp.zeros(many.NETWORKS)), batches)

        def run():
            nonlocal state
            for _ in range(case.epochs):
                state, _ = epoch(state, batches)
            jax.block_until_ready(state)

        return Task(check, run, case.steps)

    return prepare


WORKS = {name: _training(name) for name in many.CASES}
