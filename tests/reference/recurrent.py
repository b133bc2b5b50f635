"""Recurrent cells and layers, with the gradients of backpropagation through time."""

import numpy as np

from .activations import activate, activate_backward, sigmoid
from .kinds import kind


def rnn_step(x, h, U, W, f):
    return f(U @ x + W @ h)


def lstm_step(x, h, c, p):
    """Take a step on columns; `p` has the articles' names: Wfh, Wfx, bf ..."""
    f, i, o = (sigmoid(p[f"W{k}h"] @ h + p[f"W{k}x"] @ x + p[f"b{k}"]) for k in "fio")
    ct = np.tanh(p["Wch"] @ h + p["Wcx"] @ x + p["bc"])
    c = f * c + i * ct
    return o * np.tanh(c), c


def gru_step(x, h, p):
    z, r = (sigmoid(p[f"W{k}h"] @ h + p[f"W{k}x"] @ x + p[f"b{k}"]) for k in "zr")
    ct = np.tanh(p["Wch"] @ (r * h) + p["Wcx"] @ x + p["bc"])
    return (1 - z) * h + z * ct


def unseen(weighted):
    """Ignore the weighted inputs of a cell's activation."""


def recurrent_cell(cell, x, h, c, w, activation="tanh", *, see=unseen):
    """Take a step of rows x (N, F), h and c (N, units); `w` has PyTorch's weight_ih, weight_hh, bias_ih, bias_hh."""
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
    """Return the gradients of x, h, c and the parameters from those of the step's new h and c."""
    _, c_next = recurrent_cell(cell, x, h, c, w, activation)
    of_x, of_h = x @ w["weight_ih"].T + w["bias_ih"], h @ w["weight_hh"].T + w["bias_hh"]
    units = h.shape[1]
    straight = np.zeros_like(h)  # the part of h's gradient that bypasses the weights
    d_hidden = None  # the gradient of of_h, if it is not that of of_x
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


@kind("recurrent")
def recurrent_layer(network, layer, x):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell, activation, units = layer["cell"], layer["cell_activation"], layer["weight_hh"].shape[1]
    suffixes = ("", "_reverse") if "weight_hh_reverse" in layer else ("",)
    weights = [{name: layer[name + suffix] for name in names} for suffix in suffixes]
    before = network.states.get(id(layer), (None, None))
    options = [
        {"reverse": k > 0, "lengths": network.lengths, "h": before[0], "c": before[1]} for k in range(len(suffixes))
    ]
    see = network.in_cell(activation)
    ways = [recurrent(cell, x, w, activation=activation, see=see, **o) for w, o in zip(weights, options, strict=True)]
    if layer["stateful"]:
        network.states[id(layer)] = ways[0][1:]
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
