"""LeNet-5 and the MLP on MNIST: for the MLP a whole epoch of steps in one scan, which makes LeNet-5 slower."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench import digits
from bench.contestants import Task


def _convolution(x, weight, bias, padding):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, weight, (1, 1), [(padding, padding)] * 2, dimension_numbers=layout) + bias


def _pool(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def _lenet(p, x):
    x = _pool(jax.nn.relu(_convolution(x, *p[0], 2)))
    x = _pool(jax.nn.relu(_convolution(x, *p[1], 0)))
    x = x.reshape(len(x), -1)
    for weight, bias in p[2:4]:
        x = jax.nn.relu(x @ weight + bias)
    return x @ p[4][0] + p[4][1]


def _lenet_start():
    """Kernels as (height, width, in, out), the first dense layer's rows in the order of a channels-last image."""
    pairs = [[w.transpose(2, 3, 1, 0) if w.ndim == 4 else w.T, b] for w, b in digits.lenet_start()]
    pairs[2][0] = pairs[2][0].reshape(16, 5, 5, 120).transpose(1, 2, 0, 3).reshape(400, 120)
    return [(jnp.array(w), jnp.array(b)) for w, b in pairs]


def _cross_entropy(p, x, y):
    logits = _lenet(p, x)
    return (jax.nn.logsumexp(logits, 1) - jnp.take_along_axis(logits, y[:, None], 1)[:, 0]).mean()


def _mlp(p, x):
    for weight, bias in p:
        x = jax.nn.sigmoid(x @ weight + bias)
    return x


def _half_squares(p, x, target):
    return 0.5 * ((_mlp(p, x) - target) ** 2).sum() / len(x)


def _step(loss, recipe, state, x, y, start):
    p, v = state
    rows = (lax.dynamic_slice_in_dim(a, start, recipe.batch) for a in (x, y))
    g = jax.grad(loss)(p, *rows)
    if recipe.momentum:
        v = g = jax.tree.map(lambda v, g: recipe.momentum * v + g, v, g)
    return jax.tree.map(lambda p, g: p - recipe.rate * g, p, g), v


def _training(start, network, loss, x, y, recipe, samples, scan):
    x, y, batch = jnp.asarray(x), jnp.asarray(y), recipe.batch
    step = partial(_step, loss, recipe)

    def new():
        p = start()
        return p, jax.tree.map(jnp.zeros_like, p)

    one = jax.jit(step, donate_argnums=0)
    epoch = jax.jit(
        lambda state, x, y: lax.scan(lambda s, i: (step(s, x, y, i), None), state, jnp.arange(0, samples, batch))[0],
        donate_argnums=0,
    )
    state = new()
    for i in range(digits.CHECKED_STEPS):
        state = one(state, x, y, i * batch)
    check = np.asarray(network(state[0], x[:64]))
    state = epoch(new(), x, y) if scan else one(new(), x, y, 0)

    def run():
        nonlocal state
        if scan:
            state = epoch(state, x, y)
        else:
            for i in range(0, samples, batch):
                state = one(state, x, y, i)
        jax.block_until_ready(state)

    return Task(check, run, samples / 60_000, lambda: np.asarray(network(state[0], x[: digits.LEARNED])))


def _images():
    x, y = digits.mnist()
    return x.transpose(0, 2, 3, 1), y.astype("int32")


def lenet_64(threads):
    return _training(_lenet_start, _lenet, _cross_entropy, *_images(), digits.LENET_64, 12_800, False)


def lenet_100(threads):
    return _training(_lenet_start, _lenet, _cross_entropy, *_images(), digits.LENET_100, 12_800, False)


def lenet_1(threads):
    return _training(_lenet_start, _lenet, _cross_entropy, *_images(), digits.LENET_1, 3000, False)


def _mlp_start():
    return [(jnp.array(w.T), jnp.array(b)) for w, b in digits.mlp_start()]


def _mlp_data():
    return digits.mnist()[0].reshape(-1, 784), digits.mlp_targets()


def mlp_128(threads):
    return _training(_mlp_start, _mlp, _half_squares, *_mlp_data(), digits.MLP_128, 59_904, True)


def mlp_1(threads):
    return _training(_mlp_start, _mlp, _half_squares, *_mlp_data(), digits.MLP_1, 10_000, True)


def _predict(samples):
    def prepare(threads):
        p, x = _lenet_start(), jnp.asarray(_images()[0][:samples])
        predict = jax.jit(_lenet)
        calls = max(5, 2000 // samples)

        def run():
            for _ in range(calls):
                predict(p, x).block_until_ready()

        return Task(np.asarray(predict(p, x)), run, calls)

    return prepare


WORKS = {
    "lenet_64": lenet_64,
    "lenet_100": lenet_100,
    "lenet_1": lenet_1,
    "mlp_128": mlp_128,
    "mlp_1": mlp_1,
    **{f"predict_{samples}": _predict(samples) for samples in (1, 64, 1000)},
    "predictor_1": _predict(1),
}
