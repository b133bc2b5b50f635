"""JAX: whole steps compiled, buffers donated; for the MLP a whole epoch of steps in one scan.

A scan makes LeNet-5 slower. Pooling by reshaping is at least as fast as by reduce_window.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench import digits, sequences
from bench import trees as sentiment
from bench.contestants import Task
from bench.contestants.jax_many import WORKS as MANY
from bench.contestants.jax_networks import WORKS

VERSION = jax.__version__


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


predict_1, predict_64, predict_1000 = map(_predict, (1, 64, 1000))


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


def _sequence(cell, p, x, state):
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
            y, back = jax.vjp(lambda p, x: _sequence(cell, p, x, state)[0], p, x)
            return y, back(dy)

        calls = 100 if batch == 1 else 10

        def run():
            for _ in range(calls):
                jax.block_until_ready(once(p, x, dy))

        y, (gradients, dx) = jax.tree.map(np.asarray, once(p, x, dy))
        return Task(sequences.digest(y, dx, gradients), run, calls)

    return prepare


globals().update({name: _recurrent(*case) for name, case in sequences.CASES.items()})


def _logits(p, x, state, dropout, key):
    h, state = _sequence("lstm", p, p["embedding"][x], state)
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


def _adam_step(p, m, v, t, g, rate):
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    one, two = 1 - 0.9**t, 1 - 0.999**t
    return jax.tree.map(lambda p, m, v: p - rate * (m / one) / (jnp.sqrt(v / two) + 1e-8), p, m, v), m, v, t


@partial(jax.jit, donate_argnums=0)
def _adam(run, x, y):
    p, m, v, t, state, key = run
    key, draw = jax.random.split(key)
    g, state = _clipped(p, x, y, state, sequences.DROPOUT, draw)
    return *_adam_step(p, m, v, t, g, sequences.RATE), state, key


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
    return _adam_step(*state, _trees_gradient(state[0], *batch), sentiment.RATE)


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


globals().update(WORKS | MANY)
