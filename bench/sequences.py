"""The works on sequences: recurrent layers over 50 steps, and a language model on Python's source."""

from __future__ import annotations

from functools import cache

import numpy as np
import reference

from fastdl.datasets import Vocabulary, standard_library, text_windows

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
SHAPES = ((1, 32, 64), (1, 128, 128), (16, 64, 128), (32, 128, 256))  # batch, inputs, units
STEPS = 50
CASES = {f"{cell}_{n}_{i}_{u}": (cell, n, i, u) for n, i, u in SHAPES for cell in GATES}

# The language model: the default recipe's network, streams and window.
DIM, UNITS, STREAMS, WINDOW, DROPOUT = 128, 512, 32, 64, 0.3
CHECKED_STEPS, CHECKED_RATE, RATE, CLIP = 3, 0.5, 2e-3, 1.0
TIMED_STEPS = 20


def flop(cell: str, batch: int, inputs: int, units: int) -> float:
    """Operations of forward and both gradients."""
    return 3 * 2 * batch * STEPS * (inputs + units) * GATES[cell] * units


def language_flop() -> float:
    """Count the operations of a token's training step, as all but fastdl do them, which looks up input products."""
    return 3 * 2 * ((DIM + UNITS) * 4 * UNITS + UNITS * len(vocabulary()))


@cache
def data(cell, batch, inputs, units):
    """x, the gradient of y, and the weights as PyTorch names and draws them."""
    rng = np.random.default_rng(6)
    limit, columns = 1 / np.sqrt(units), GATES[cell] * units
    shapes = {"weight_ih": (columns, inputs), "weight_hh": (columns, units), "bias_ih": columns, "bias_hh": columns}
    weights = {name: rng.uniform(-limit, limit, shape).astype("float32") for name, shape in shapes.items()}
    x, dy = (rng.standard_normal((batch, STEPS, n)).astype("float32") for n in (inputs, units))
    return x, dy, weights


def digest(y, dx, gradients):
    """Return what is compared: a slice of the output and of each gradient."""
    parts = [y, dx, *(gradients[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))]
    # Gradients of weights are sums over all steps, and larger than the others.
    return np.concatenate([np.asarray(a, "float64").ravel()[:4096] / max(1, np.abs(a).max()) for a in parts])


@cache
def result(cell, batch, inputs, units):
    """Return the reference result."""
    x, dy, weights = data(cell, batch, inputs, units)
    double = {name: w.astype(float) for name, w in weights.items()}
    name = "gru_after" if cell == "gru" else cell
    y = reference.recurrent(name, x.astype(float), double)[0]
    return digest(y, *reference.recurrent_backward(name, dy.astype(float), x.astype(float), double))


@cache
def vocabulary():
    return Vocabulary.of(standard_library(500_000), limit=100)


@cache
def windows():
    """Token ids, window after window, and those that follow: (windows streams, window)."""
    return text_windows(vocabulary().encode(standard_library(500_000)), STREAMS, WINDOW)


@cache
def language_start():
    """Embedding, the LSTM's weights, and the dense layer's weight and bias."""
    rng = np.random.default_rng(8)
    tokens, limit = len(vocabulary()), 1 / np.sqrt(UNITS)
    shapes = {
        "embedding": (tokens, DIM), "weight_ih": (4 * UNITS, DIM), "weight_hh": (4 * UNITS, UNITS),
        "bias_ih": 4 * UNITS, "bias_hh": 4 * UNITS, "weight": (tokens, UNITS), "bias": tokens,
    }  # fmt: skip
    return {name: rng.uniform(-limit, limit, shape).astype("float32") for name, shape in shapes.items()}


@cache
def language_result():
    """Logits of the first streams after three steps of clipped gradient descent on windows that follow one another."""
    p = {name: w.astype(float) for name, w in language_start().items()}
    x, y = (a[: CHECKED_STEPS * STREAMS].reshape(-1, STREAMS, WINDOW) for a in windows())
    h = c = np.zeros((STREAMS, UNITS))
    for tokens, targets in zip(x, y, strict=True):
        recurrent = {name: p[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        inputs = p["embedding"][tokens]
        states = [(h, c)]
        for t in range(WINDOW):
            states.append(reference.recurrent_cell("lstm", inputs[:, t], *states[-1], recurrent))
        hidden = np.stack([s[0] for s in states[1:]], axis=1)
        logits = (hidden @ p["weight"].T + p["bias"]).reshape(-1, len(p["bias"]))
        d = reference.cross_entropy_backward(logits, targets.reshape(-1))
        g = {name: np.zeros_like(w) for name, w in p.items()}
        d_hidden, g["weight"], g["bias"] = reference.dense_backward(d, hidden.reshape(-1, UNITS), p["weight"])
        d_hidden = d_hidden.reshape(hidden.shape)
        dh = dc = np.zeros_like(h)
        for t in range(WINDOW)[::-1]:
            dx, dh, dc, gradients = reference.recurrent_cell_backward(
                "lstm", dh + d_hidden[:, t], dc, inputs[:, t], *states[t], recurrent
            )
            np.add.at(g["embedding"], tokens[:, t], dx)
            for name, gradient in gradients.items():
                g[name] += gradient
        h, c = states[-1]
        norm = np.sqrt(sum((a**2).sum() for a in g.values()))
        for name, gradient in g.items():
            p[name] = p[name] - CHECKED_RATE * min(1, CLIP / norm) * gradient
    recurrent = {name: p[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    hidden = reference.recurrent("lstm", p["embedding"][x[0][:4]], recurrent)[0]
    return hidden @ p["weight"].T + p["bias"]
