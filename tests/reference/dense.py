"""Dense layers."""

from .kinds import kind


def dense(x, weight, bias):
    return x @ weight.T + bias


def dense_backward(dy, x, weight):
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


@kind("dense")
def dense_layer(network, layer, x):
    def back(dy):
        rows = dy.reshape(-1, dy.shape[-1])
        dx, dw, db = dense_backward(rows, x.reshape(-1, x.shape[-1]), layer["weight"])
        return dx.reshape(x.shape), dw, db

    return dense(x, layer["weight"], layer["bias"]), back
