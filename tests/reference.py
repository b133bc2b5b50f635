"""What every kernel must compute, in slow and obvious NumPy. This is the specification."""

import numpy as np


def pad(x, padding):
    (ph, pw) = padding
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def output_size(size, kernel, stride, padding=(0, 0)):
    return tuple((size[i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in (0, 1))


def windows(x, kernel, stride, padding=(0, 0)):
    """Yield (i, j, field of every image) of each output pixel; fields are views of one padded copy."""
    x = pad(x, padding)
    oh, ow = output_size(x.shape[2:], kernel, stride)
    for i in range(oh):
        for j in range(ow):
            top, left = i * stride[0], j * stride[1]
            yield i, j, x[:, :, top : top + kernel[0], left : left + kernel[1]]


def cross_correlate2d(x, weight, bias, stride, padding):
    kernel = weight.shape[2:]
    y = np.zeros((len(x), len(weight), *output_size(x.shape[2:], kernel, stride, padding)), x.dtype)
    for i, j, field in windows(x, kernel, stride, padding):
        y[:, :, i, j] = np.einsum("nckl,ockl->no", field, weight) + bias
    return y


def cross_correlate2d_backward(dy, x, weight, stride, padding):
    kernel = weight.shape[2:]
    dx = np.zeros_like(pad(x, padding))
    dweight = np.zeros_like(weight)
    for i, j, field in windows(x, kernel, stride, padding):
        dweight += np.einsum("no,nckl->ockl", dy[:, :, i, j], field)
        top, left = i * stride[0], j * stride[1]
        dx[:, :, top : top + kernel[0], left : left + kernel[1]] += np.einsum("no,ockl->nckl", dy[:, :, i, j], weight)
    h, w = x.shape[2:]
    return dx[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w], dweight, dy.sum(axis=(0, 2, 3))


def im2col(x, kernel, stride, padding):
    columns = [field.reshape(len(x), -1) for _, _, field in windows(x, kernel, stride, padding)]
    return np.stack(columns, axis=2)


def col2im(columns, size, kernel, stride, padding):
    samples = len(columns)
    channels = columns.shape[1] // (kernel[0] * kernel[1])
    x = np.zeros((samples, channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]), columns.dtype)
    oh, ow = output_size(size, kernel, stride, padding)
    for i in range(oh):
        for j in range(ow):
            field = columns[:, :, i * ow + j].reshape(samples, channels, *kernel)
            top, left = i * stride[0], j * stride[1]
            x[:, :, top : top + kernel[0], left : left + kernel[1]] += field
    return x[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def max_pool2d(x, size, stride):
    y = np.zeros((*x.shape[:2], *output_size(x.shape[2:], size, stride)), x.dtype)
    for i, j, field in windows(x, size, stride):
        y[:, :, i, j] = field.max(axis=(2, 3))
    return y


def max_pool2d_backward(dy, x, size, stride):
    dx = np.zeros_like(x)
    for i, j, field in windows(x, size, stride):
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                down, right = np.unravel_index(field[n, c].argmax(), size)  # the first of equals
                dx[n, c, i * stride[0] + down, j * stride[1] + right] += dy[n, c, i, j]
    return dx


def mean_pool2d(x, size, stride):
    y = np.zeros((*x.shape[:2], *output_size(x.shape[2:], size, stride)), x.dtype)
    for i, j, field in windows(x, size, stride):
        y[:, :, i, j] = field.mean(axis=(2, 3))
    return y


def mean_pool2d_backward(dy, x, size, stride):
    dx = np.zeros_like(x)
    for i, j, _ in windows(x, size, stride):
        top, left = i * stride[0], j * stride[1]
        dx[:, :, top : top + size[0], left : left + size[1]] += dy[:, :, i : i + 1, j : j + 1] / (size[0] * size[1])
    return dx


def expand_sensitivity_map(delta, stride, size):
    out = np.zeros((*delta.shape[:2], *size), delta.dtype)
    for i in range(delta.shape[2]):
        for j in range(delta.shape[3]):
            out[:, :, i * stride[0], j * stride[1]] = delta[:, :, i, j]
    return out


def dense(x, weight, bias):
    return x @ weight.T + bias


def dense_backward(dy, x, weight):
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softmax": softmax,
}


def activation_backward(dy, y, name):
    """Take the output y, as all these derivatives can be told from it."""
    if name == "softmax":
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    slopes = {
        "identity": lambda y: np.ones_like(y),
        "relu": lambda y: (y > 0).astype(y.dtype),
        "sigmoid": lambda y: y * (1 - y),
        "tanh": lambda y: 1 - y * y,
    }
    return dy * slopes[name](y)


def squared_error(y, target):
    return ((y - target) ** 2).sum() / 2 / len(y)


def squared_error_backward(y, target):
    return (y - target) / len(y)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def cross_entropy(logits, target):
    if target.ndim == 1:
        target = one_hot(target, logits.shape[1])
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(target * log_softmax).sum() / len(logits)


def cross_entropy_backward(logits, target):
    if target.ndim == 1:
        target = one_hot(target, logits.shape[1])
    return (softmax(logits) * target.sum(axis=1, keepdims=True) - target) / len(logits)


def sgd_step(p, g, v, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """Return the new (p, v)."""
    g = g + weight_decay * p
    v = momentum * v + g
    return p - lr * (g + momentum * v if nesterov else v), v


def adam_step(p, g, m, v, *, step, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Return the new (p, m, v); steps count from 1."""
    g = g + weight_decay * p
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    return p - lr * (m / (1 - betas[0] ** step)) / (np.sqrt(v / (1 - betas[1] ** step)) + eps), m, v


class Network:
    """A chain of layers, each a dict of what it is, for whole training steps.

    ``{"kind": "conv", "weight", "bias", "stride", "padding", "activation"}``, ``{"kind": "dense", "weight", "bias",
    "activation"}``, ``{"kind": "max" or "mean", "size", "stride"}``, ``{"kind": "flatten"}``.
    """

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        self.inputs, self.outputs = [], []
        for layer in self.layers:
            self.inputs.append(x)
            kind = layer["kind"]
            if kind == "conv":
                x = cross_correlate2d(x, layer["weight"], layer["bias"], layer["stride"], layer["padding"])
            elif kind == "dense":
                x = dense(x, layer["weight"], layer["bias"])
            elif kind == "flatten":
                x = x.reshape(len(x), -1)
            else:
                x = (max_pool2d if kind == "max" else mean_pool2d)(x, layer["size"], layer["stride"])
            x = ACTIVATIONS[layer.get("activation", "identity")](x)
            self.outputs.append(x)
        return x

    def backward(self, dy):
        """Return the gradients [(dweight, dbias)] of the layers that have parameters, first to last."""
        gradients = []
        for layer, x, y in reversed(list(zip(self.layers, self.inputs, self.outputs, strict=True))):
            dy = activation_backward(dy, y, layer.get("activation", "identity"))
            kind = layer["kind"]
            if kind == "conv":
                dy, dw, db = cross_correlate2d_backward(dy, x, layer["weight"], layer["stride"], layer["padding"])
                gradients.append((dw, db))
            elif kind == "dense":
                dy, dw, db = dense_backward(dy, x, layer["weight"])
                gradients.append((dw, db))
            elif kind == "flatten":
                dy = dy.reshape(x.shape)
            else:
                dy = (max_pool2d_backward if kind == "max" else mean_pool2d_backward)(
                    dy, x, layer["size"], layer["stride"]
                )
        return gradients[::-1]


def lenet5(parameters, activation="relu", pooling="max"):
    """Build LeNet-5 of the arrays [(weight, bias)] of its five layers with parameters."""
    (c1, c2, d1, d2, d3) = ({"weight": w.copy(), "bias": b.copy()} for w, b in parameters)
    pool = {"kind": pooling, "size": (2, 2), "stride": (2, 2)}
    return Network([
        {"kind": "conv", **c1, "stride": (1, 1), "padding": (2, 2), "activation": activation},
        pool,
        {"kind": "conv", **c2, "stride": (1, 1), "padding": (0, 0), "activation": activation},
        pool,
        {"kind": "flatten"},
        {"kind": "dense", **d1, "activation": activation},
        {"kind": "dense", **d2, "activation": activation},
        {"kind": "dense", **d3},
    ])  # fmt: skip


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_step(x, h, U, W, f):
    return f(U @ x + W @ h)


def lstm_step(x, h, c, p):
    """Columns; `p` holds the articles' names: Wfh, Wfx, bf ..."""
    f, i, o = (sigmoid(p[f"W{k}h"] @ h + p[f"W{k}x"] @ x + p[f"b{k}"]) for k in "fio")
    ct = np.tanh(p["Wch"] @ h + p["Wcx"] @ x + p["bc"])
    c = f * c + i * ct
    return o * np.tanh(c), c


def gru_step(x, h, p):
    z, r = (sigmoid(p[f"W{k}h"] @ h + p[f"W{k}x"] @ x + p[f"b{k}"]) for k in "zr")
    ct = np.tanh(p["Wch"] @ (r * h) + p["Wcx"] @ x + p["bc"])
    return (1 - z) * h + z * ct


def recurrent_cell(cell, x, h, c, w, activation="tanh"):
    """One step of rows x (N, F), h and c (N, units); `w` holds weight_ih, weight_hh, bias_ih, bias_hh as in PyTorch."""
    of_x, of_h = x @ w["weight_ih"].T + w["bias_ih"], h @ w["weight_hh"].T + w["bias_hh"]
    if cell == "rnn":
        return ACTIVATIONS[activation](of_x + of_h), c
    if cell == "lstm":
        i, f, g, o = np.split(of_x + of_h, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    (xr, xz, xn), (hr, hz, hn) = np.split(of_x, 3, axis=1), np.split(of_h, 3, axis=1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    if cell == "gru_after":
        n = np.tanh(xn + r * hn)
        return (1 - z) * n + z * h, c
    units = h.shape[1]
    n = np.tanh(xn + (r * h) @ w["weight_hh"][2 * units :].T + w["bias_hh"][2 * units :])
    return (1 - z) * h + z * n, c


def recurrent(cell, x, w, *, activation="tanh", reverse=False, lengths=None, h=None, c=None):
    """Return every step's h (N, T, units), zeros beyond the lengths, and the last h and c."""
    units = w["weight_hh"].shape[1]
    steps = x.shape[1]
    lengths = np.full(len(x), steps) if lengths is None else np.asarray(lengths)
    h = np.zeros((len(x), units)) if h is None else h
    c = np.zeros((len(x), units)) if c is None else c
    y = np.zeros((len(x), steps, units))
    for t in range(steps)[:: -1 if reverse else 1]:
        there = (t < lengths)[:, None]
        h_next, c_next = recurrent_cell(cell, x[:, t], h, c, w, activation)
        h, c = np.where(there, h_next, h), np.where(there, c_next, c)
        y[:, t] = np.where(there, h, 0)
    return y, h, c


def recurrent_cell_backward(cell, dh, dc, x, h, c, w, activation="tanh"):
    """Return what the gradients with respect to a step's h' and c' make of those of x, h, c and the parameters."""
    h_next, c_next = recurrent_cell(cell, x, h, c, w, activation)
    of_x, of_h = x @ w["weight_ih"].T + w["bias_ih"], h @ w["weight_hh"].T + w["bias_hh"]
    units = h.shape[1]
    straight, d_hidden = (
        np.zeros_like(h),
        None,
    )  # what goes to h past the weights; the gradient of of_h, where not of_x's
    if cell == "rnn":
        d_input = activation_backward(dh, h_next, activation)
    elif cell == "lstm":
        i, f, g, o = np.split(of_x + of_h, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        dc = dc + dh * o * (1 - np.tanh(c_next) ** 2)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * np.tanh(c_next)
        d_input = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)], axis=1)
        dc = dc * f
    else:
        (xr, xz, xn), (hr, hz, hn) = np.split(of_x, 3, axis=1), np.split(of_h, 3, axis=1)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        if cell == "gru_after":
            n = np.tanh(xn + r * hn)
            dn, dz, straight = dh * (1 - z) * (1 - n * n), dh * (h - n), dh * z
            dr, d_last = dn * hn, dn * r
        else:
            last = w["weight_hh"][2 * units :]
            n = np.tanh(xn + (r * h) @ last.T + w["bias_hh"][2 * units :])
            dn, dz = dh * z * (1 - n * n), dh * (n - h)
            kept = dn @ last
            dr, straight, d_last = kept * h, dh * (1 - z) + kept * r, dn
        d_input = np.concatenate([dr * r * (1 - r), dz * z * (1 - z), dn], axis=1)
        d_hidden = np.concatenate([d_input[:, : 2 * units], d_last], axis=1)
    d_hidden = d_input if d_hidden is None else d_hidden
    gradients = {
        "weight_ih": d_input.T @ x,
        "weight_hh": d_hidden.T @ h,
        "bias_ih": d_input.sum(axis=0),
        "bias_hh": d_hidden.sum(axis=0),
    }
    before = d_hidden @ w["weight_hh"] + straight
    if cell == "gru_before":
        gradients["weight_hh"][2 * units :] = dn.T @ (r * h)
        before = d_hidden[:, : 2 * units] @ w["weight_hh"][: 2 * units] + straight
    return d_input @ w["weight_ih"], before, dc, gradients


def recurrent_backward(cell, dy, x, w, activation="tanh"):
    """Return the gradients of x and of the parameters from that of every step's h; states start at zero."""
    units = w["weight_hh"].shape[1]
    h, c = [np.zeros((len(x), units))], [np.zeros((len(x), units))]
    for t in range(x.shape[1]):
        h_next, c_next = recurrent_cell(cell, x[:, t], h[-1], c[-1], w, activation)
        h.append(h_next)
        c.append(c_next)
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h[0]), np.zeros_like(c[0])
    total = {name: np.zeros_like(values) for name, values in w.items()}
    for t in range(x.shape[1])[::-1]:
        dx[:, t], dh, dc, gradients = recurrent_cell_backward(
            cell, dh + dy[:, t], dc, x[:, t], h[t], c[t], w, activation
        )
        for name, gradient in gradients.items():
            total[name] += gradient
    return dx, total


def rmsprop_step(p, g, v, *, lr, alpha=0.99, eps=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    v = alpha * v + (1 - alpha) * g * g
    return p - lr * g / (np.sqrt(v) + eps), v


def adagrad_step(p, g, v, *, lr, eps=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    v = v + g * g
    return p - lr * g / (np.sqrt(v) + eps), v


def adamw_step(p, g, m, v, *, step, lr, weight_decay, betas=(0.9, 0.999), eps=1e-8):
    return adam_step(p - lr * weight_decay * p, g, m, v, step=step, lr=lr, betas=betas, eps=eps)


def features(below, w):
    """Return what a node's product reads of its children's vectors: these, and the products of all their pairs."""
    x = np.concatenate(below)
    if "tensor" not in w:
        return x
    return np.concatenate([x, [x[i] * x[j] / len(x) for i in range(len(x)) for j in range(i, len(x))]])


def weights(w):
    return np.concatenate([w["weight"], w["tensor"]], axis=1) if "tensor" in w else w["weight"]


def recursive(composition, x, children, w, activation="tanh"):
    """Return y and c of every node (M, units), children before parents; x is the leaves' vectors."""
    y, c = np.zeros_like(x), np.zeros_like(x)
    for node, below in enumerate(children):
        if not below:
            y[node] = np.tanh(x[node]) if composition == "lstm" else x[node]
            c[node] = x[node]
            continue
        p = weights(w) @ features([y[child] for child in below], w) + w["bias"]
        if composition == "lstm":
            i, o, g, *forget = np.split(p, 3 + len(below))
            c[node] = sigmoid(i) * np.tanh(g) + sum(
                sigmoid(f) * c[child] for f, child in zip(forget, below, strict=True)
            )
            y[node] = sigmoid(o) * np.tanh(c[node])
        else:
            y[node] = ACTIVATIONS[activation](p)
    return y, c


def recursive_backward(composition, dy, x, children, w, activation="tanh"):
    """Return the gradients of x and of the parameters from that of every node's y."""
    y, c = recursive(composition, x, children, w, activation)
    dy, dc, dx = dy.copy(), np.zeros_like(dy), np.zeros_like(x)
    total = {name: np.zeros_like(values) for name, values in w.items()}
    for node in range(len(x))[::-1]:
        below = children[node]
        if not below:
            dx[node] = dc[node] + dy[node] * (1 - y[node] ** 2) if composition == "lstm" else dy[node]
            continue
        z = features([y[child] for child in below], w)
        if composition == "lstm":
            i, o, g, *forget = np.split(weights(w) @ z + w["bias"], 3 + len(below))
            i, o, g, forget = sigmoid(i), sigmoid(o), np.tanh(g), [sigmoid(f) for f in forget]
            t = np.tanh(c[node])
            d = dc[node] + dy[node] * o * (1 - t * t)
            parts = [d * g * i * (1 - i), dy[node] * t * o * (1 - o), d * i * (1 - g * g)]
            for f, child in zip(forget, below, strict=True):
                parts.append(d * c[child] * f * (1 - f))
                dc[child] += d * f
            d = np.concatenate(parts)
        else:
            d = activation_backward(dy[node], y[node], activation)
        inputs = len(below) * x.shape[1]
        total["weight"] += np.outer(d, z[:inputs])
        total["bias"] += d
        dz = weights(w).T @ d
        d_below = dz[:inputs]
        if "tensor" in w:
            total["tensor"] += np.outer(d, z[inputs:])
            pairs = [(i, j) for i in range(inputs) for j in range(i, inputs)]
            for (i, j), value in zip(pairs, dz[inputs:], strict=True):
                d_below[i] += value * z[j] / inputs
                d_below[j] += value * z[i] / inputs
        for child, part in zip(below, np.split(d_below, len(below)), strict=True):
            dy[child] += part
    return dx, total


def tree_vectors(vectors, w):
    """Return the function that gives the vector of a tree: a number, of a word, or a pair of trees."""
    known = {}

    def y(tree):
        if isinstance(tree, int):
            return vectors[tree]
        if tree not in known:
            known[tree] = np.tanh(w["weight"] @ np.concatenate([y(tree[0]), y(tree[1])]) + w["bias"])
        return known[tree]

    return y


def parse(vectors, w, u, bias, gold=None, penalty=0.0, beam=1):
    """Return the best state of every step, (total, trees that cover the sentence), by a beam search over merges.

    With ``gold``, a set of spans, a node that is no subtree of the
    gold tree has the penalty on top of its score.
    """
    y, known = tree_vectors(vectors, w), {}

    def score(tree):
        if tree not in known:
            wrong = gold is not None and not is_right(tree, gold)
            known[tree] = float(u @ y(tree) + bias) + penalty * wrong
        return known[tree]

    states = [(0.0, tuple(range(len(vectors))))]
    best = []
    while len(states[0][1]) > 1:
        candidates = [
            (total + score(row[i : i + 2]), (*row[:i], row[i : i + 2], *row[i + 2 :]))
            for total, row in states
            for i in range(len(row) - 1)
        ]
        states = []
        for state in sorted(candidates, key=lambda candidate: -candidate[0]):
            if len(states) < beam and state[1] not in [row for _, row in states]:
                states.append(state)
        best.append(states[0])
    return best


def span(tree):
    return (tree, tree + 1) if isinstance(tree, int) else (span(tree[0])[0], span(tree[1])[1])


def is_right(tree, gold):
    return isinstance(tree, int) or (is_right(tree[0], gold) and is_right(tree[1], gold) and span(tree) in gold)
