"""Self-attention over the steps of a sequence."""

import numpy as np

from .activations import softmax
from .dense import dense, dense_backward
from .kinds import kind


def attention(x, heads, causal, there):
    """Attend to the steps that are `there` (N, T), for queries, keys and values x (N, T, 3 F).

    Return the means and a backward pass.
    """
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


@kind("attention")
def attention_layer(network, layer, x):
    there = network.there(x)
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
