"""What every kernel must compute, in slow and obvious NumPy. This is the specification."""

import math

import numpy as np


def sides(padding):
    """((above, below), (left, right)) of two numbers, or of these themselves."""
    return tuple((n, n) if np.ndim(n) == 0 else tuple(n) for n in padding)


def pad(x, padding):
    return np.pad(x, ((0, 0), (0, 0), *sides(padding)))


def spans_of(kernel, dilation):
    return tuple((kernel[i] - 1) * dilation[i] + 1 for i in (0, 1))


def output_size(size, kernel, stride, padding=(0, 0), dilation=(1, 1)):
    spans = spans_of(kernel, dilation)
    return tuple((size[i] + sum(sides(padding)[i]) - spans[i]) // stride[i] + 1 for i in (0, 1))


def same_padding(size, kernel, stride, dilation=(1, 1)):
    """Zeros around, so many that there is an output for each stride of the input; what is left over comes last."""
    around = []
    for n, width, step in zip(size, spans_of(kernel, dilation), stride, strict=True):
        outputs = -(-n // step)
        missing = max((outputs - 1) * step + width - n, 0)
        around.append((missing // 2, missing - missing // 2))
    return tuple(around)


def windows(x, kernel, stride, padding=(0, 0), dilation=(1, 1)):
    """Yield (i, j, field of every image) of each output pixel; fields are views of one padded copy."""
    yield from fields(pad(x, padding), kernel, stride, dilation)


def fields(x, kernel, stride, dilation):
    """Yield the same of x itself."""
    oh, ow = output_size(x.shape[2:], kernel, stride, dilation=dilation)
    height, width = spans_of(kernel, dilation)
    for i in range(oh):
        for j in range(ow):
            top, left = i * stride[0], j * stride[1]
            yield i, j, x[:, :, top : top + height : dilation[0], left : left + width : dilation[1]]


def parts(weight, channels, groups):
    """Which channels each group sees, and which filters are its own."""
    return zip(np.split(np.arange(channels), groups), np.split(np.arange(len(weight)), groups), strict=True)


def cross_correlate2d(x, weight, bias, stride, padding, dilation=(1, 1), groups=1):
    geometry = weight.shape[2:], stride, padding, dilation
    y = np.zeros((len(x), len(weight), *output_size(x.shape[2:], *geometry)), x.dtype)
    bias = np.broadcast_to(bias, len(weight))
    for own, filters in parts(weight, x.shape[1], groups):
        for i, j, field in windows(x[:, own], *geometry):
            y[:, filters, i, j] = np.einsum("nckl,ockl->no", field, weight[filters]) + bias[filters]
    return y


def cross_correlate2d_backward(dy, x, weight, stride, padding, dilation=(1, 1), groups=1):
    geometry = weight.shape[2:], stride, dilation
    x_padded = pad(x, padding)
    dx, dweight = np.zeros_like(x_padded), np.zeros_like(weight)
    for own, filters in parts(weight, x.shape[1], groups):
        seen, gradient = x_padded[:, own], np.zeros_like(x_padded[:, own])
        for (i, j, field), (_, _, of_field) in zip(fields(seen, *geometry), fields(gradient, *geometry), strict=True):
            dweight[filters] += np.einsum("no,nckl->ockl", dy[:, filters, i, j], field)
            of_field += np.einsum("no,ockl->nckl", dy[:, filters, i, j], weight[filters])
        dx[:, own] = gradient
    (top, _), (left, _) = sides(padding)
    h, w = x.shape[2:]
    return dx[:, :, top : top + h, left : left + w], dweight, dy.sum(axis=(0, 2, 3))


def transposed2d(x, weight, bias, stride, padding, extra):
    """Each pixel gives a window of (C, filters, KH, KW), and windows add up; `padding` of the whole is left out."""
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    size = (h - 1) * stride[0] + kh + extra[0], (w - 1) * stride[1] + kw + extra[1]
    y = np.zeros((len(x), weight.shape[1], *size))
    for i, j, field in fields(y, (kh, kw), stride, (1, 1)):
        field += np.einsum("nc,cokl->nokl", x[:, :, i, j], weight)
    (ph, pw) = padding
    return y[:, :, ph : size[0] - ph, pw : size[1] - pw] + bias[:, None, None]


def transposed2d_backward(dy, x, weight, stride, padding):
    """Back through it is that convolution forward, whose weights are seen from its other side."""
    dx = cross_correlate2d(dy, weight, 0, stride, padding)
    _, dweight, _ = cross_correlate2d_backward(x, dy, weight, stride, padding)
    return dx, dweight, dy.sum(axis=(0, 2, 3))


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
    n, c = np.indices(x.shape[:2])
    for i, j, field in windows(x, size, stride):
        down, right = np.unravel_index(field.reshape(*x.shape[:2], -1).argmax(axis=2), size)  # the first of equals
        dx[n, c, i * stride[0] + down, j * stride[1] + right] += dy[:, :, i, j]
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


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "selu": lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
    "softplus": lambda x: np.logaddexp(0, x),
    "hard_sigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
}
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy, y, alpha):
    return np.where(y > 0, dy, (y + alpha) * dy)


def silu(x):
    return x * sigmoid(x)


def silu_backward(dy, x):
    return dy * sigmoid(x) * (1 + x * sigmoid(-x))


def hard_silu(x):
    return x * np.clip((x + 3) / 6, 0, 1)


def hard_silu_backward(dy, x):
    return dy * np.where(abs(x) < 3, (2 * x + 3) / 6, x > 0)


def leaky_relu(x, slope):
    return np.where(x > 0, x, slope * x)


def leaky_relu_backward(dy, y, slope):
    return np.where(y > 0, dy, slope * dy)


def normal(x):
    """Give the normal distribution up to x, and its density."""
    return np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2)) / 2, np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu(x):
    return x * normal(x)[0]


def gelu_backward(dy, x):
    distribution, density = normal(x)
    return dy * (distribution + x * density)


def activation_backward(dy, y, name):
    """Take the output y, as all these derivatives can be told from it."""
    if name == "softmax":
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    slopes = {
        "identity": lambda y: np.ones_like(y),
        "relu": lambda y: (y > 0).astype(y.dtype),
        "sigmoid": lambda y: y * (1 - y),
        "tanh": lambda y: 1 - y * y,
        "selu": lambda y: SELU_SCALE * elu_backward(1, y / SELU_SCALE, SELU_ALPHA),
        "softplus": lambda y: -np.expm1(-y),
        "hard_sigmoid": lambda y: ((y > 0) & (y < 1)) / 6,
        "hard_tanh": lambda y: abs(y) < 1,
    }
    return dy * slopes[name](y)


def activate(x, activation):
    """Take an activation's name, or (name, setting)."""
    name, *setting = (activation,) if isinstance(activation, str) else activation
    others = {"leaky_relu": leaky_relu, "elu": elu, **OF_INPUT}
    return {**ACTIVATIONS, **others}[name](x, *setting)


OF_INPUT = {"gelu": gelu, "silu": silu, "hard_silu": hard_silu}  # whose derivatives the output does not tell


def activate_backward(dy, x, activation):
    name, *setting = (activation,) if isinstance(activation, str) else activation
    if name in OF_INPUT:
        return {"gelu": gelu_backward, "silu": silu_backward, "hard_silu": hard_silu_backward}[name](dy, x)
    y = activate(x, activation)
    if setting:
        return {"leaky_relu": leaky_relu_backward, "elu": elu_backward}[name](dy, y, *setting)
    return activation_backward(dy, y, name)


def corners(activation):
    """Where the activation's slope jumps."""
    name = activation if isinstance(activation, str) else activation[0]
    of_lines = {"hard_sigmoid": (-3, 3), "hard_tanh": (-1, 1), "hard_silu": (-3, 3)}
    return of_lines.get(name, (0,) if name in ("relu", "leaky_relu", "elu", "selu") else ())


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


def smoothed_cross_entropy(logits, target, share):
    """Each row's loss with targets t (1 - share) + share / classes, and the gradient of their sum."""
    t = one_hot(target, logits.shape[1]) if target.ndim == 1 else target
    t = (1 - share) * t + share / logits.shape[1]
    return -(t * np.log(softmax(logits))).sum(axis=1), softmax(logits) - t


def huber(y, target, delta):
    """Each row's loss, and the gradient of their sum."""
    d = y - target
    values = np.where(abs(d) <= delta, d**2 / 2, delta * (abs(d) - delta / 2))
    return values.sum(axis=1), np.clip(d, -delta, delta)


def absolute_error(y, target):
    """Each row's loss, and the gradient of their sum."""
    return abs(y - target).sum(axis=1), np.sign(y - target)


def binary_cross_entropy(logits, target):
    """Each row's loss, and the gradient of their sum."""
    return (np.logaddexp(0, logits) - target * logits).sum(axis=1), sigmoid(logits) - target


def quantile(y, target, levels):
    """Each row's loss, and the gradient of their sum; outputs are (rows, targets, levels)."""
    levels = np.asarray(levels)
    d = y.reshape(*target.shape, len(levels)) - target[:, :, None]
    values = np.where(d > 0, (1 - levels) * d, -levels * d)
    slopes = np.where(d > 0, 1 - levels, -levels) * (d != 0)
    return values.sum(axis=(1, 2)), slopes.reshape(y.shape)


def poisson(y, target):
    """Each row's loss, and the gradient of their sum; outputs are logarithms of rates."""
    return (np.exp(y) - target * y).sum(axis=1), np.exp(y) - target


# Of outputs and targets by the losses' names: each row's loss, and the gradient of their sum.
LOSSES = {
    "cross_entropy": lambda y, target: smoothed_cross_entropy(y, target, 0.0),
    "binary_cross_entropy": binary_cross_entropy,
    "squared_error": lambda y, target: (((y - target) ** 2).sum(axis=1) / 2, y - target),
    "absolute_error": absolute_error,
    "huber": lambda y, target: huber(y, target, 1.0),
    "quantile": lambda y, target: quantile(y, target, (0.1, 0.5, 0.9)),
    "poisson": poisson,
}


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


def lenet5(parameters, activation="relu", pooling="max"):
    """Build LeNet-5 of the arrays [(weight, bias)] of its five layers with parameters."""
    (c1, c2, d1, d2, d3) = ({"weight": w.copy(), "bias": b.copy()} for w, b in parameters)
    pool = {"kind": pooling, "size": (2, 2), "stride": (2, 2)}
    plain = {"kind": "conv", "stride": (1, 1), "dilation": (1, 1), "groups": 1, "activation": activation}
    return Network([
        {**plain, **c1, "padding": (2, 2)},
        pool,
        {**plain, **c2, "padding": (0, 0)},
        pool,
        {"kind": "flatten"},
        {"kind": "dense", **d1, "activation": activation},
        {"kind": "dense", **d2, "activation": activation},
        {"kind": "dense", **d3},
    ])  # fmt: skip


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


def unseen(weighted):
    """What is told of the weighted inputs of a cell's activation, where nobody asks."""


def recurrent_cell(cell, x, h, c, w, activation="tanh", *, see=unseen):
    """One step of rows x (N, F), h and c (N, units); `w` holds weight_ih, weight_hh, bias_ih, bias_hh as in PyTorch."""
    of_x, of_h = x @ w["weight_ih"].T + w["bias_ih"], h @ w["weight_hh"].T + w["bias_hh"]
    if cell == "rnn":
        see(of_x + of_h)
        return activate(of_x + of_h, activation), c
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


def recurrent(cell, x, w, *, activation="tanh", reverse=False, lengths=None, h=None, c=None, see=unseen):
    """Return every step's h (N, T, units), zeros beyond the lengths, and the last h and c."""
    units = w["weight_hh"].shape[1]
    steps = x.shape[1]
    lengths = np.full(len(x), steps) if lengths is None else np.asarray(lengths)
    h = np.zeros((len(x), units)) if h is None else h
    c = np.zeros((len(x), units)) if c is None else c
    y = np.zeros((len(x), steps, units))
    for t in range(steps)[:: -1 if reverse else 1]:
        there = (t < lengths)[:, None]
        h_next, c_next = recurrent_cell(cell, x[:, t], h, c, w, activation, see=see)
        h, c = np.where(there, h_next, h), np.where(there, c_next, c)
        y[:, t] = np.where(there, h, 0)
    return y, h, c


def recurrent_cell_backward(cell, dh, dc, x, h, c, w, activation="tanh"):
    """Return what the gradients with respect to a step's h' and c' make of those of x, h, c and the parameters."""
    _, c_next = recurrent_cell(cell, x, h, c, w, activation)
    of_x, of_h = x @ w["weight_ih"].T + w["bias_ih"], h @ w["weight_hh"].T + w["bias_hh"]
    units = h.shape[1]
    straight, d_hidden = (
        np.zeros_like(h),
        None,
    )  # what goes to h past the weights; the gradient of of_h, where not of_x's
    if cell == "rnn":
        d_input = activate_backward(dh, of_x + of_h, activation)
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


def recurrent_backward(cell, dy, x, w, activation="tanh", *, reverse=False, lengths=None, h=None, c=None, dh=0):
    """Return the gradients of x and of the parameters from that of every step's h, and of the last one alone."""
    units = w["weight_hh"].shape[1]
    lengths = np.full(len(x), x.shape[1]) if lengths is None else np.asarray(lengths)
    h = [np.zeros((len(x), units)) if h is None else h]
    c = [np.zeros((len(x), units)) if c is None else c]
    steps = range(x.shape[1])[:: -1 if reverse else 1]
    for t in steps:
        there = (t < lengths)[:, None]
        h_next, c_next = recurrent_cell(cell, x[:, t], h[-1], c[-1], w, activation)
        h.append(np.where(there, h_next, h[-1]))
        c.append(np.where(there, c_next, c[-1]))
    dx, dc = np.zeros_like(x), np.zeros_like(c[0])
    dh = dh + np.zeros_like(h[0])
    total = {name: np.zeros_like(values) for name, values in w.items()}
    for k, t in reversed(list(enumerate(steps))):
        there = (t < lengths)[:, None]
        dx[:, t], dh_before, dc_before, gradients = recurrent_cell_backward(
            cell, there * (dh + dy[:, t]), there * dc, x[:, t], h[k], c[k], w, activation
        )
        dh, dc = np.where(there, dh_before, dh), np.where(there, dc_before, dc)
        for name, gradient in gradients.items():
            total[name] += gradient
    return dx, total


def attention(x, heads, causal, there):
    """Let steps look at those `there` (N, T): of x (N, T, 3 F), queries, keys and values, the means, and a way back."""
    n, steps, features = x.shape[0], x.shape[1], x.shape[2] // 3
    seen = there[:, None, None, :] & (np.tri(steps, dtype=bool) if causal else True)
    scale = (features // heads) ** -0.5
    # (N, heads, T, F / heads)
    q, k, v = x.reshape(n, steps, 3, heads, features // heads).transpose(2, 0, 3, 1, 4)
    with np.errstate(over="ignore"):
        shares = softmax(np.where(seen, q @ k.swapaxes(2, 3) * scale, -np.inf)) * there[:, None, :, None]

    def back(dy):
        dy = dy.reshape(n, steps, heads, features // heads).transpose(0, 2, 1, 3)
        d_shares = dy @ v.swapaxes(2, 3)
        d_scores = shares * (d_shares - (d_shares * shares).sum(axis=-1, keepdims=True)) * scale
        parts = d_scores @ k, d_scores.swapaxes(2, 3) @ q, shares.swapaxes(2, 3) @ dy
        return np.stack(parts).transpose(1, 3, 0, 2, 4).reshape(x.shape)

    return (shares @ v).transpose(0, 2, 1, 3).reshape(n, steps, features), back


def rmsprop_step(p, g, v, *, lr, alpha=0.99, eps=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    v = alpha * v + (1 - alpha) * g * g
    return p - lr * g / (np.sqrt(v) + eps), v


def adagrad_step(p, g, v, *, lr, eps=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    v = v + g * g
    return p - lr * g / (np.sqrt(v) + eps), v


def adadelta_step(p, g, u, v, *, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0):
    """Return the new (p, u, v)."""
    g = g + weight_decay * p
    v = rho * v + (1 - rho) * g * g
    step = np.sqrt(u + eps) / np.sqrt(v + eps) * g
    u = rho * u + (1 - rho) * step * step
    return p - lr * step, u, v


def nadam_step(p, g, m, v, *, step, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3):
    """Return the new (p, m, v); steps count from 1."""
    mu = betas[0] * (1 - 0.5 * 0.96 ** (np.arange(1, step + 2) * momentum_decay))
    g = g + weight_decay * p
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    ahead = (1 - mu[-2]) * g / (1 - mu[:-1].prod()) + mu[-1] * m / (1 - mu.prod())
    return p - lr * ahead / (np.sqrt(v / (1 - betas[1] ** step)) + eps), m, v


def lion_step(p, g, m, *, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    """Return the new (p, m)."""
    to = np.sign(betas[0] * m + (1 - betas[0]) * g)
    return p - lr * (to + weight_decay * p), betas[1] * m + (1 - betas[1]) * g


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


def recursive(composition, x, children, w, activation="tanh", *, see=unseen):
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
            see(p)
            y[node] = activate(p, activation)
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
            d = activate_backward(dy[node], weights(w) @ z + w["bias"], activation)
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


def tree_vectors(vectors, w, activation="tanh"):
    """Return the function that gives the vector of a tree: a number, of a word, or a pair of trees."""
    known = {}

    def y(tree):
        if isinstance(tree, int):
            return vectors[tree]
        if tree not in known:
            known[tree] = activate(w["weight"] @ np.concatenate([y(tree[0]), y(tree[1])]) + w["bias"], activation)
        return known[tree]

    return y


def parse(vectors, w, u, bias, gold=None, penalty=0.0, beam=1, activation="tanh"):
    """Return the best state of every step, (total, trees that cover the sentence), by a beam search over merges.

    With ``gold``, a set of spans, a node that is no subtree of the
    gold tree has the penalty on top of its score.
    """
    y, known = tree_vectors(vectors, w, activation), {}

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


def scramble(x):
    """Random bits of counters (splitmix64)."""
    with np.errstate(over="ignore"):
        x = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def drawn(draw, nth, samples):
    """Random bits of each sample, for the nth random layer."""
    with np.errstate(over="ignore"):
        return scramble(np.arange(samples, dtype=np.uint64) + np.uint64(draw) + (np.uint64(nth) << np.uint64(32)))


def dropout_factors(rate, bits, shape):
    """What the numbers of each sample are multiplied by: 0, or what makes up for it.

    Four draw from one word; those of images (C, H, W) pixel after pixel.
    """
    threshold, size = int(rate * 65536 + 0.5), int(np.prod(shape))
    place = np.arange(size, dtype=np.uint64)
    with np.errstate(over="ignore"):
        words = scramble(bits[:, None] + (place - place % np.uint64(4)))
    kept = (words >> (np.uint64(16) * (place % np.uint64(4)))) % np.uint64(65536) >= threshold
    return of_places(kept * (65536 / (65536 - threshold)), shape)


def of_places(values, shape):
    """Rows of numbers (N, size) as samples of this shape; images lie pixel after pixel."""
    if len(shape) == 3:
        return values.reshape(len(values), *shape[1:], shape[0]).transpose(0, 3, 1, 2)
    return values.reshape(len(values), *shape)


def normal_numbers(bits, shape):
    """Numbers from a normal distribution for samples of this shape, two from each word (Box and Muller)."""
    place = np.arange(int(np.prod(shape)), dtype=np.uint64)
    with np.errstate(over="ignore"):
        words = scramble(bits[:, None] + (place - place % np.uint64(2)))
    radius = np.sqrt(-2 * np.log((words % np.uint64(2**32) + 0.5) / 2**32))
    angle = 2 * np.pi * (words >> np.uint64(32)) / 2**32
    return of_places(radius * np.where(place % np.uint64(2), np.sin(angle), np.cos(angle)), shape)


def uniform(bits, k):
    """The kth number, from 0 to below 1, of each sample's."""
    with np.errstate(over="ignore"):
        return (scramble(bits + np.uint64(k)) >> np.uint64(11)) / 2**53


def rotation(h, w, angle):
    """What each pixel of an image is made of, turned counterclockwise: a row of weights (h w, h w)."""
    weights = np.zeros((h, w, h, w))
    cosine, sine = np.cos(angle), np.sin(angle)
    for i in range(h):
        for j in range(w):
            up, right = (h - 1) / 2 - i, j - (w - 1) / 2
            row, column = (h - 1) / 2 - (up * cosine - right * sine), (w - 1) / 2 + right * cosine + up * sine
            for k in range(h):
                for m in range(w):
                    weights[i, j, k, m] = max(0, 1 - abs(row - k)) * max(0, 1 - abs(column - m))
    return weights.reshape(h * w, h * w)


def erased(h, w, area, ratio, bits):
    """Which pixels (N, h, w) a rectangle covers, whose area, ratio and place the bits draw."""
    holes = np.zeros((len(bits), h, w), bool)
    for n, (a, r, down, right) in enumerate(zip(*(uniform(bits, k) for k in (1, 2, 3, 4)), strict=True)):
        area_now = h * w * (area[0] + a * (area[1] - area[0]))
        ratio_now = ratio[0] * (ratio[1] / ratio[0]) ** r
        rows = min(h, int(np.sqrt(area_now * ratio_now) + 0.5))
        columns = min(w, int(np.sqrt(area_now / ratio_now) + 0.5))
        top, left = int(down * (h - rows + 1)), int(right * (w - columns + 1))
        holes[n, top : top + rows, left : left + columns] = True
    return holes


def upsampling(n, size, bilinear):
    """What each of n size numbers of an axis is made of, a row of weights (n size, n)."""
    weights = np.zeros((n * size, n))
    for i in range(n * size):
        position = min(max((i + 0.5) / size - 0.5, 0), n - 1) if bilinear else i // size
        low = int(position)
        weights[i, low] += 1 - (position - low)
        weights[i, min(low + 1, n - 1)] += position - low
    return weights


def global_max(x, there):
    """Largest numbers (N, F) of steps (N, T, F) that are there, and which steps, the first ones, hold them."""
    which = np.where(there, x, -np.inf).argmax(axis=1)
    return np.take_along_axis(x, which[:, None], axis=1)[:, 0], which


def shifts(padding, bits):
    """How far each image goes down and right."""
    (ph, pw), low, high = padding, bits % np.uint64(2**32), bits >> np.uint64(32)
    down, right = low % np.uint64(2 * ph + 1), high % np.uint64(2 * pw + 1)
    return down.astype(int) - ph, right.astype(int) - pw


def shift(x, down, right):
    """Move images (N, C, H, W), each as far as is said, with zeros behind them."""
    y = np.zeros_like(x)
    h, w = x.shape[2:]
    for n in range(len(x)):
        for i in range(h):
            for j in range(w):
                if 0 <= i - down[n] < h and 0 <= j - right[n] < w:
                    y[n, :, i, j] = x[n, :, i - down[n], j - right[n]]
    return y


class Network:
    """A chain of layers, each a dict of its kind, its parameters and settings.

    ``conv`` (weight, bias, stride, padding, dilation, groups), ``dense`` (weight, bias), ``max`` and ``mean`` (size,
    stride), ``flatten``, ``reshape`` (shape), ``global`` (mean), ``upsample`` (size, bilinear), ``noise`` (stddev),
    ``rescale`` (scale, offset), ``activation``, ``dropout`` (rate), ``shift`` (padding), ``flip`` (horizontal,
    vertical), ``rotate`` (degrees), ``erase`` (rate, area, ratio), ``embedding`` (weight), ``recurrent`` (cell,
    cell_activation, sequences, merge, stateful, and parameters as PyTorch names them, those of a second direction with
    _reverse), ``recursive`` (composition, cell_activation, nodes, weight, bias, tensor), ``select`` (indices),
    ``attention`` (heads, causal, in_proj_weight, in_proj_bias, out_proj_weight, out_proj_bias), ``positions`` (weight),
    ``periodic`` (weight, bias), ``robust_scale`` (limit, and center and scale, a list, as ``running``),
    ``layer_norm`` (weight, bias, epsilon), ``batch_norm`` (weight, bias, epsilon, momentum, and the running statistics,
    a list of mean and variance, which are taken in training too where it is ``frozen``); any may have an
    ``activation``. Made of others are ``chain`` and ``residual`` (layers), and ``parallel`` (branches, merge). Of steps
    there are ``conv_in_time``, ``max_in_time`` and ``mean_in_time``. ``transposed`` has ``extra`` pixels.

    Attributes
    ----------
    dx : ndarray
        After `backward`, the input's gradient.
    margin : float
        After `forward`, how near a relu or a maximum came to another slope: rounding may take it there.
    """

    def __init__(self, layers):
        self.layers = layers
        self.states = {}

    def forward(self, x, *, lengths=None, children=None, draw=None):
        """Give the output; `draw`, of a network in training, seeds its randomness."""
        self.lengths, self.children, self.draw = lengths, children, draw
        self.random = 0  # layers so far
        self.margin = np.inf
        y, self._back = self._chain({"layers": self.layers}, x)
        return y

    def backward(self, dy):
        """Give the gradients of the parameters, a tuple for each layer that has any, first to last."""
        self.dx, *gradients = self._back(dy)
        return gradients

    def _chain(self, layer, x):
        """Give what layers make of x, and what gives dx and then the gradients of each layer that has parameters."""
        backs = []
        for inner in layer["layers"]:
            x, back = self._layer(inner, x)
            backs.append(back)

        def back(dy):
            gradients = []
            for back in reversed(backs):
                dy, *values = back(dy)
                gradients = values + gradients
            return dy, *gradients

        return x, back

    def _layer(self, layer, x):
        x, back = getattr(self, f"_{layer['kind']}")(layer, x)
        activation, nested = layer.get("activation", "identity"), layer["kind"] in ("chain", "residual", "parallel")
        y = activate(x, activation)
        for corner in corners(activation):
            self._near(np.abs(x - corner))

        def with_activation(dy):
            dx, *values = back(activate_backward(dy, x, activation))
            return dx, *(values if nested or not values else [tuple(values)])

        return y, with_activation

    def _residual(self, layer, x):
        y, back_of_chain = self._chain(layer, x)

        def back(dy):
            dx, *gradients = back_of_chain(dy)
            return dx + dy, *gradients

        return x + y, back

    def _parallel(self, layer, x):
        ways = [self._chain({"layers": branch}, x) for branch in layer["branches"]]
        outputs, axis = [y for y, _ in ways], 1 if x.ndim == 4 else -1
        ends = np.cumsum([y.shape[axis] for y in outputs])
        if layer["merge"] == "concat":
            merged = np.concatenate(outputs, axis=axis)
        else:
            merged = {"sum": np.sum, "product": np.prod}[layer["merge"]](outputs, axis=0)

        def part(dy, k):
            if layer["merge"] == "concat":
                return np.split(dy, ends[:-1], axis=axis)[k]
            if layer["merge"] == "sum":
                return dy
            return dy * np.prod([np.ones_like(dy), *(y for i, y in enumerate(outputs) if i != k)], axis=0)

        def back(dy):
            dx, gradients = 0, []
            for k, (_, back_of_branch) in enumerate(ways):
                of_branch, *values = back_of_branch(part(dy, k))
                dx = dx + of_branch
                gradients += values
            return dx, *gradients

        return merged, back

    def _select(self, layer, x):
        which = (slice(None), layer["indices"]) if x.ndim == 4 else (..., layer["indices"])

        def back(dy):
            dx = np.zeros_like(x)
            np.add.at(dx, which, dy)
            return (dx,)

        return x[which], back

    def _attention(self, layer, x):
        there = self._there(x)
        hidden = dense(x, layer["in_proj_weight"], layer["in_proj_bias"])
        seen, back_of_heads = attention(hidden, layer["heads"], layer["causal"], there[..., 0])

        def rows_of(array):
            return array.reshape(-1, array.shape[-1])

        def back(dy):
            d_seen, *of_out = dense_backward(rows_of(dy), rows_of(seen), layer["out_proj_weight"])
            d_hidden = back_of_heads(d_seen.reshape(x.shape))
            dx, *of_in = dense_backward(rows_of(d_hidden), rows_of(x), layer["in_proj_weight"])
            return dx.reshape(x.shape), *of_in, *of_out

        return dense(seen, layer["out_proj_weight"], layer["out_proj_bias"]), back

    def _positions(self, layer, x):
        def back(dy):
            dw = np.zeros_like(layer["weight"])
            dw[: x.shape[1]] = dy.sum(axis=0)
            return dy, dw

        return x + layer["weight"][: x.shape[1]], back

    def _periodic(self, layer, x):
        weight, bias = layer["weight"], layer["bias"]
        turns = x[..., None] * weight + bias

        def back(dy):
            d_turns = -2 * np.pi * np.sin(2 * np.pi * turns) * dy.reshape(turns.shape)
            steps = tuple(range(x.ndim - 1))
            dw, db = (d_turns * x[..., None]).sum(steps), d_turns.sum(steps)
            return (d_turns * weight).sum(-1), dw, db

        return np.cos(2 * np.pi * turns).reshape(*x.shape[:-1], -1), back

    def _robust_scale(self, layer, x):
        (center, scale), limit = layer["running"], layer["limit"]
        z = (x - center) * scale
        shrunk = 1 / np.sqrt(1 + (z / limit) ** 2)
        return z * shrunk, lambda dy: (dy * scale * shrunk**3,)

    def _layer_norm(self, layer, x):
        axes = (1, 2, 3) if x.ndim == 4 else (-1,)
        weight, epsilon = layer["weight"], layer["epsilon"]
        mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        scale = 1 / np.sqrt(variance + epsilon)
        z = (x - mean) * scale
        self._near(np.sqrt(variance) / 100)  # then rounding is enlarged

        def back(dy):
            others = tuple(range(dy.ndim - weight.ndim))
            g = dy * weight
            dx = (g - g.mean(axes, keepdims=True) - z * (g * z).mean(axes, keepdims=True)) * scale
            return dx, (dy * z).sum(others), dy.sum(others)

        return z * weight + layer["bias"], back

    def _batch_norm(self, layer, x):
        """Normalize rows of features: samples, their steps that count, or pixels."""
        training = self.draw is not None and not layer.get("frozen")
        there = self._there(x)[..., 0].reshape(-1) if x.ndim == 3 else slice(None)

        def rows_of(array):
            return (array.transpose(0, 2, 3, 1) if array.ndim == 4 else array).reshape(-1, len(layer["weight"]))

        def shaped(rows):
            if x.ndim == 4:
                return rows.reshape(len(x), *x.shape[2:], x.shape[1]).transpose(0, 3, 1, 2)
            return rows.reshape(x.shape)

        rows = rows_of(x)
        mean, variance = layer["running"]
        if training:
            n = len(rows[there])
            mean, variance = rows[there].mean(axis=0), rows[there].var(axis=0)
            estimates = mean, variance * n / (n - 1) if n > 1 else layer["running"][1]
            for k, (old, new) in enumerate(zip(layer["running"], estimates, strict=True)):
                layer["running"][k] = old + layer["momentum"] * (new - old)
        scale = 1 / np.sqrt(variance + layer["epsilon"])
        z = (rows - mean) * scale
        self._near(np.sqrt(variance) / 100)

        def back(dy):
            d, dx, seen = rows_of(dy)[there], np.zeros_like(rows), z[there]
            dw, db = (d * seen).sum(axis=0), d.sum(axis=0)
            dx[there] = (d - (db + seen * dw) / len(d) if training else d) * layer["weight"] * scale
            return shaped(dx), dw, db

        return shaped(z * layer["weight"] + layer["bias"]), back

    def _near(self, gaps):
        """Note how near these come to a corner; those that lie on one do so of themselves, as zeros' maximum."""
        self.margin = min(self.margin, gaps.min(where=gaps > 0, initial=np.inf))

    def _in_cell(self, activation):
        """Give what notes how near a cell's weighted inputs come to a corner; on one, rounding alone has put them."""

        def see(weighted):
            self.margin = min([self.margin, *(np.abs(weighted - corner).min() for corner in corners(activation))])

        return see

    def _there(self, x):
        """Which steps count, for every number of x (N, T, F)."""
        lengths = np.full(len(x), x.shape[1]) if self.lengths is None else np.asarray(self.lengths)
        return np.broadcast_to((np.arange(x.shape[1]) < lengths[:, None])[:, :, None], x.shape)

    def _bits(self, samples):
        self.random += 1
        return drawn(self.draw, self.random - 1, samples)

    def _conv(self, layer, x):
        padding, dilation = layer["padding"], layer.get("dilation", (1, 1))
        if padding == "same":
            padding = same_padding(x.shape[2:], layer["weight"].shape[2:], layer["stride"], dilation)
        geometry = layer["stride"], padding, dilation, layer.get("groups", 1)
        y = cross_correlate2d(x, layer["weight"], layer["bias"], *geometry)
        return y, lambda dy: cross_correlate2d_backward(dy, x, layer["weight"], *geometry)

    def _of_rows(self, kind, layer, x, **given):
        """Give the same of sequences, as images of height 1."""
        settings = {name: (1, values) for name, values in layer.items() if name in ("stride", "dilation", "size")}
        images = x.transpose(0, 2, 1)[:, :, None]
        y, back_of_images = kind({**layer, **settings, **given}, images)

        def back(dy):
            dx, *gradients = back_of_images(dy.transpose(0, 2, 1)[:, :, None])
            gradients = [g[:, :, 0] if g.ndim == 4 else g for g in gradients]
            return dx[:, :, 0].transpose(0, 2, 1), *gradients

        return y[:, :, 0].transpose(0, 2, 1), back

    def _conv_in_time(self, layer, x):
        weight, padding = layer["weight"][:, :, None], layer["padding"]
        if padding == "causal":
            padding = (0, ((weight.shape[3] - 1) * layer["dilation"], 0))
        elif padding != "same":
            padding = (0, padding)
        # What sees other steps than its own sees zeros for those that do not count.
        there = self._there(x) if weight.shape[3] > 1 else True
        y, back = self._of_rows(self._conv, layer, np.where(there, x, 0), weight=weight, padding=padding)

        def of_those_there(dy):
            dx, *gradients = back(dy)
            return np.where(there, dx, 0), *gradients

        return y, of_those_there

    def _max_in_time(self, layer, x):
        return self._of_rows(self._max, layer, x)

    def _mean_in_time(self, layer, x):
        return self._of_rows(self._mean, layer, x)

    def _transposed(self, layer, x):
        geometry = layer["stride"], layer["padding"]
        y = transposed2d(x, layer["weight"], layer["bias"], *geometry, layer["extra"])
        return y, lambda dy: transposed2d_backward(dy, x, layer["weight"], *geometry)

    def _dense(self, layer, x):
        def back(dy):
            rows = dy.reshape(-1, dy.shape[-1])
            dx, dw, db = dense_backward(rows, x.reshape(-1, x.shape[-1]), layer["weight"])
            return dx.reshape(x.shape), dw, db

        return dense(x, layer["weight"], layer["bias"]), back

    def _max(self, layer, x):
        geometry = layer["size"], layer["stride"]
        if np.prod(layer["size"]) > 1:
            for _, _, field in windows(x, *geometry):
                first, second = np.sort(field.reshape(*x.shape[:2], -1), axis=2)[:, :, -1:-3:-1].transpose(2, 0, 1)
                self._near(first - second)
        return max_pool2d(x, *geometry), lambda dy: (max_pool2d_backward(dy, x, *geometry),)

    def _mean(self, layer, x):
        geometry = layer["size"], layer["stride"]
        return mean_pool2d(x, *geometry), lambda dy: (mean_pool2d_backward(dy, x, *geometry),)

    def _flatten(self, layer, x):
        there = self._there(x) if x.ndim == 3 else np.ones(x.shape, bool)
        y = np.where(there, x, 0).reshape(len(x), -1)
        return y, lambda dy: (np.where(there, dy.reshape(x.shape), 0),)

    def _reshape(self, layer, x):
        there = self._there(x) if x.ndim == 3 else np.ones(x.shape, bool)
        y = np.where(there, x, 0).reshape(len(x), *layer["shape"])
        return y, lambda dy: (np.where(there, dy.reshape(x.shape), 0),)

    def _global(self, layer, x):
        """The largest numbers, or the means, of pixels, or of steps that count."""
        rows = x.reshape(*x.shape[:2], -1).transpose(0, 2, 1) if x.ndim == 4 else x
        there = np.ones(rows.shape, bool) if x.ndim == 4 else self._there(x)

        def shaped(rows):
            return rows.transpose(0, 2, 1).reshape(x.shape) if x.ndim == 4 else rows

        if layer["mean"]:
            count = there.sum(axis=1, keepdims=True)
            y = np.where(there, rows, 0).sum(axis=1) / count[:, 0]
            return y, lambda dy: (shaped(np.where(there, dy[:, None] / count, 0)),)
        y, which = global_max(rows, there)
        if rows.shape[1] > 1:
            first, second = np.sort(np.where(there, rows, -np.inf), axis=1)[:, :-3:-1].transpose(1, 0, 2)
            self._near(first - second)

        def back(dy):
            dx = np.zeros_like(rows)
            np.put_along_axis(dx, which[:, None], dy[:, None], axis=1)
            return (shaped(dx),)

        return y, back

    def _upsample(self, layer, x):
        down, right = (
            upsampling(n, size, layer["bilinear"]) for n, size in zip(x.shape[2:], layer["size"], strict=True)
        )
        return down @ x @ right.T, lambda dy: (down.T @ dy @ right,)

    def _noise(self, layer, x):
        noise = 0 if self.draw is None else layer["stddev"] * normal_numbers(self._bits(len(x)), x.shape[1:])
        return x + noise, lambda dy: (dy,)

    def _rescale(self, layer, x):
        return x * layer["scale"] + layer["offset"], lambda dy: (dy * layer["scale"],)

    def _activation(self, layer, x):
        return x, lambda dy: (dy,)

    def _dropout(self, layer, x):
        bits = self._bits(len(x)) if self.draw is not None else None
        factors = 1.0 if bits is None else dropout_factors(layer["rate"], bits, x.shape[1:])
        return x * factors, lambda dy: (dy * factors,)

    def _shift(self, layer, x):
        if self.draw is None:
            return x, lambda dy: (dy,)
        down, right = shifts(layer["padding"], self._bits(len(x)))
        return shift(x, down, right), lambda dy: (shift(dy, -down, -right),)

    def _flip(self, layer, x):
        if self.draw is None:
            return x, lambda dy: (dy,)
        bits = self._bits(len(x))
        down, right = layer["vertical"] * (bits & np.uint64(1)), layer["horizontal"] * (bits & np.uint64(2))

        def flipped(x):
            return np.stack(
                [a[:, :: -1 if d else 1, :: -1 if r else 1] for a, d, r in zip(x, down, right, strict=True)]
            )

        return flipped(x), lambda dy: (flipped(dy),)

    def _rotate(self, layer, x):
        if self.draw is None:
            return x, lambda dy: (dy,)
        n, c, h, w = x.shape
        angles = layer["degrees"] * np.pi / 180 * (2 * uniform(self._bits(n), 0) - 1)
        weights = np.stack([rotation(h, w, angle) for angle in angles]).reshape(n, 1, h * w, h * w)
        y = (weights @ x.reshape(n, c, h * w, 1)).reshape(x.shape)
        return y, lambda dy: ((weights.swapaxes(2, 3) @ dy.reshape(n, c, h * w, 1)).reshape(x.shape),)

    def _erase(self, layer, x):
        if self.draw is None:
            return x, lambda dy: (dy,)
        bits = self._bits(len(x))
        holes = erased(*x.shape[2:], layer["area"], layer["ratio"], bits)
        kept = ~(holes & (uniform(bits, 0) < layer["rate"])[:, None, None])[:, None]
        return np.where(kept, x, 0), lambda dy: (np.where(kept, dy, 0),)

    def _embedding(self, layer, x):
        x = x.astype(int)  # below 0 where there is no token
        there = (x >= 0)[..., None]

        def back(dy):
            dw = np.zeros_like(layer["weight"])
            np.add.at(dw, np.maximum(x, 0), np.where(there, dy, 0))
            return np.zeros(x.shape), dw

        return np.where(there, layer["weight"][np.maximum(x, 0)], 0), back

    def _recurrent(self, layer, x):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        cell, activation, units = layer["cell"], layer["cell_activation"], layer["weight_hh"].shape[1]
        suffixes = ("", "_reverse") if "weight_hh_reverse" in layer else ("",)
        weights = [{name: layer[name + suffix] for name in names} for suffix in suffixes]
        before = self.states.get(id(layer), (None, None))
        options = [
            {"reverse": k > 0, "lengths": self.lengths, "h": before[0], "c": before[1]} for k in range(len(suffixes))
        ]
        see = self._in_cell(activation)
        ways = [
            recurrent(cell, x, w, activation=activation, see=see, **o) for w, o in zip(weights, options, strict=True)
        ]
        if layer["stateful"]:
            self.states[id(layer)] = ways[0][1:]
        outputs = [y if layer["sequences"] else h for y, h, _ in ways]
        merged = sum(outputs) if layer["merge"] == "sum" else np.concatenate(outputs, axis=-1)

        def back(dy):
            dx, gradients = 0, []
            for k, (w, o) in enumerate(zip(weights, options, strict=True)):
                part = dy if layer["merge"] == "sum" else dy[..., k * units : (k + 1) * units]
                of_steps = part if layer["sequences"] else np.zeros((*x.shape[:2], units))
                of_last = 0 if layer["sequences"] else part
                dx_part, total = recurrent_backward(cell, of_steps, x, w, activation, **o, dh=of_last)
                dx = dx + dx_part
                gradients += total.values()
            return dx, *gradients

        return merged, back

    def _recursive(self, layer, x):
        w = {name: layer[name] for name in ("weight", "tensor", "bias") if name in layer}
        how = x, self.children, w, layer["cell_activation"]
        roots = sorted(set(range(len(x))) - {child for below in self.children for child in below})
        rows = slice(None) if layer["nodes"] else roots

        def back(dy):
            of_nodes = np.zeros_like(x)
            of_nodes[rows] = dy
            dx, total = recursive_backward(layer["composition"], of_nodes, *how)
            return dx, *total.values()

        return recursive(layer["composition"], *how, see=self._in_cell(layer["cell_activation"]))[0][rows], back
