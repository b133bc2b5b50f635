"""Networks of current kinds in JAX: whole steps compiled, buffers donated, images and sequences channels last."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench import networks
from bench.contestants import Task

EPSILON = 1e-5


def _convolution(x, weight, bias, size, stride, groups):
    spatial = "HW"[: x.ndim - 2]
    layout = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    steps, padding = (stride,) * len(spatial), [(size // 2, size // 2)] * len(spatial)
    return bias + lax.conv_general_dilated(
        x, weight, steps, padding, dimension_numbers=layout, feature_group_count=groups
    )


def _normalized(x, weight, bias, running, training):
    """Return it, and the running statistics after it."""
    axes, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    mean, variance = running
    if training:
        mean, variance = x.mean(axes), x.var(axes)
        running = 0.9 * running[0] + 0.1 * mean, 0.9 * running[1] + 0.1 * variance * n / (n - 1)
    return (x - mean) / jnp.sqrt(variance + EPSILON) * weight + bias, running


def _layer_normalized(x, weight, bias):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + EPSILON) * weight + bias


def _attention(x, weights, heads):
    n, steps, features = x.shape
    q, k, v = (p.reshape(n, steps, heads, -1) for p in jnp.split(x @ weights[0] + weights[1], 3, -1))
    seen = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(n, steps, features)
    return seen @ weights[2] + weights[3]


def _through(parts, weights, running, x, training):
    """Take x through parts, each of which takes its own from iterators; give the running statistics after it, too."""
    after = []
    for kind, *settings in parts:
        if kind == "add":
            ends = []
            for way in settings:
                end, more = _through(way, weights, running, x, training)
                ends.append(end)
                after += more
            x = ends[0] + ends[1]
        elif kind == "conv":
            x = _convolution(x, next(weights), next(weights), *settings[1:])
        elif kind == "norm":
            x, now = _normalized(x, next(weights), next(weights), next(running), training)
            after.append(now)
        elif kind == "layer_norm":
            x = _layer_normalized(x, next(weights), next(weights))
        elif kind == "attention":
            x = _attention(x, [next(weights) for _ in range(4)], *settings)
        elif kind == "tokens":
            x = next(weights)[x]
        elif kind == "places":
            x = x + next(weights)
        elif kind == "dense":
            x = x @ next(weights) + next(weights)
        elif kind == "mean":
            x = x.mean(tuple(range(1, x.ndim - 1)))
        else:
            x = jax.nn.relu(x) if kind == "relu" else jax.nn.gelu(x, approximate=False)
    return x, after


def _start(name):
    """Return weights as JAX wants them, inputs before outputs, and running statistics."""
    case, weights, running = networks.CASES[name], [], []
    given = iter(networks.start(name))
    for part, shape in networks.leaves(case.parts, case.shape):
        for one in networks.weights_of(part, shape):
            w = next(given)
            if part[0] == "conv" and len(one) > 1:
                w = w.transpose(*range(2, w.ndim), 1, 0)
            elif part[0] in ("dense", "attention") and len(one) == 2:
                w = w.T
            weights.append(jnp.array(w))
        if part[0] == "norm":
            channels = shape[0]
            running.append((jnp.zeros(channels), jnp.ones(channels)))
    return weights, running


def _data(name):
    x, y = networks.data(name)
    return jnp.asarray(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x), jnp.asarray(y)


def _loss(case, weights, running, x, y):
    outputs, running = _through(case.parts, iter(weights), iter(running), x, True)
    if case.labelled:
        chosen = jnp.take_along_axis(outputs, y[..., None], -1)[..., 0]
        return (jax.nn.logsumexp(outputs, -1) - chosen).mean(), running
    return 0.5 * ((outputs - y) ** 2).sum() / len(x), running


def _predicting(name):
    case = networks.CASES[name]
    return jax.jit(lambda weights, running, x: _through(case.parts, iter(weights), iter(running), x, False)[0])


def _training(name):
    def prepare(threads):
        case, (x, y) = networks.CASES[name], _data(name)
        gradient = jax.grad(partial(_loss, case), has_aux=True)

        @jax.jit
        def descend(weights, running, x, y):
            g, running = gradient(weights, running, x, y)
            return [w - networks.CHECKED_RATE * d for w, d in zip(weights, g, strict=True)], running

        def momentum(state, x, y):
            weights, running, v = state
            g, running = gradient(weights, running, x, y)
            v = [networks.MOMENTUM * a + d for a, d in zip(v, g, strict=True)]
            return [w - networks.RATE * a for w, a in zip(weights, v, strict=True)], running, v

        def adam(state, x, y):
            weights, running, (m, v, t) = state
            g, running = gradient(weights, running, x, y)
            t = t + 1
            m = [0.9 * a + 0.1 * d for a, d in zip(m, g, strict=True)]
            v = [0.999 * a + 0.001 * d * d for a, d in zip(v, g, strict=True)]
            one, two = 1 - 0.9**t, 1 - 0.999**t
            steps = [a / one / (jnp.sqrt(b / two) + 1e-8) for a, b in zip(m, v, strict=True)]
            return [w - networks.ADAM_RATE * s for w, s in zip(weights, steps, strict=True)], running, (m, v, t)

        few = slice(networks.CHECKED_BATCH)
        weights, running = _start(name)
        for _ in range(networks.CHECKED_STEPS):
            weights, running = descend(weights, running, x[few], y[few])
        check = np.asarray(_predicting(name)(weights, running, x[few]))
        weights, running = _start(name)
        zeros = [jnp.zeros_like(w) for w in weights]
        step = jax.jit(adam if case.adam else momentum, donate_argnums=0)
        state = weights, running, (zeros, [jnp.zeros_like(w) for w in weights], 0.0) if case.adam else zeros
        batches = [(x[i : i + case.batch], y[i : i + case.batch]) for i in range(0, len(x), case.batch)]
        state = step(state, *batches[0])

        def run():
            nonlocal state
            for batch in batches:
                state = step(state, *batch)
            jax.block_until_ready(state)

        return Task(check, run, len(x))

    return prepare


def _predict(name):
    def prepare(threads):
        (weights, running), x = _start(name), _data(name)[0][:1]
        predict = _predicting(name)
        return Task.of_calls(
            np.asarray(predict(weights, running, x)), lambda: predict(weights, running, x).block_until_ready(),
            networks.CALLS[name],
        )  # fmt: skip

    return prepare


WORKS = {
    **{f"{name}_training": _training(name) for name in networks.CASES},
    **{f"{name}_predict": _predict(name) for name in networks.CASES},
}
