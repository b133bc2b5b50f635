"""Derivatives of networks beside JAX's.

What JAX 0.10.2 gave is in jax.json. With JAX installed, ``python tests/test_jax.py`` writes that file again.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from fastdl import Sequential, layers

RECORDED = Path(__file__).with_name("jax.json")
SMOOTH = ("sigmoid", "tanh", "softplus", "silu", "gelu", "elu")
DIRECTIONS = [[1.0, 0.0, 0.0], [0.3, -0.7, 1.1]]


def dense(activation):
    parts = [layers.Dense(5, activation), layers.Dense(4, activation), layers.Dense(2)]
    return Sequential(parts, input_shape=3, dtype="float64", seed=0)


def made_of_layers():
    parts = [
        layers.Dense(4, "tanh"),
        layers.Residual([layers.LayerNorm(epsilon=1e-3), layers.Dense(4, "softplus")]),
        layers.Parallel([[layers.Dense(3, "sigmoid")], [layers.Select([2, 0, 2])]], "product"),
        layers.Dense(4, "softmax"),
    ]
    return Sequential(parts, input_shape=3, dtype="float64", seed=0)


def image():
    parts = [layers.Conv2D(3, 3, padding=1, activation="tanh"), layers.MeanPool2D(2), layers.Flatten(), layers.Dense(2)]
    return Sequential(parts, input_shape=(1, 4, 4), dtype="float64", seed=0)


NETWORKS = {
    **{activation: lambda activation=activation: dense(activation) for activation in SMOOTH},
    "made of layers": made_of_layers,
    "image": image,
}


@pytest.fixture(params=NETWORKS)
def case(request):
    """A network with the parameters, and what JAX gave."""
    given = {key: np.array(values) for key, values in json.loads(RECORDED.read_text())[request.param].items()}
    net = NETWORKS[request.param]()
    for name, values in net.params.items():
        values[...] = given[name]
    return net, given


def alike(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


def test_the_same_first_derivatives(case):
    net, given = case
    alike(net.predict(given["x"]), given["y"])
    alike(net.jacobian(given["x"]), given["jacobian"])
    alike(net.vjp(given["x"], given["v"]), given["vjp"])
    alike(net.jvp(given["x"], given["u"]), given["jvp"])


def test_the_same_second_derivatives(case):
    net, given = case
    if "hessian" in given:
        alike(net.hessian(given["x"]), given["hessian"])


def test_the_same_gradients_of_a_loss_of_derivatives(case):
    """The loss is half the sum of squares of u + 2 u_0 - u_11 over directions 0 and 1."""
    net, given = case
    if "loss" not in given:
        return
    t = net.taylor(given["x"], DIRECTIONS)
    residual = t.values + 2 * t.first[0] - t.second[1]
    alike(0.5 * (residual**2).sum(), given["loss"])
    zeros = np.zeros_like(residual)
    dx = t.backward(residual, [2 * residual, zeros], [zeros, -residual])
    alike(dx, given["dx"])
    for name, values in net.grads.items():
        alike(values, given[f"d{name}"])


def in_jax(name, jax):
    """The function of parameters and one sample."""
    jnp, nn = jax.numpy, jax.nn
    activations = {"tanh": jnp.tanh, "gelu": lambda x: nn.gelu(x, approximate=False)}

    def activate(kind, x):
        return activations[kind](x) if kind in activations else getattr(nn, kind)(x)

    def product(p, layer, x):
        return p[f"{layer}.weight"] @ x + p[f"{layer}.bias"]

    def chain(p, x):
        return product(p, "2", activate(name, product(p, "1", activate(name, product(p, "0", x)))))

    def layered(p, x):
        x = jnp.tanh(product(p, "0", x))
        z = (x - x.mean()) / jnp.sqrt(x.var() + 1e-3) * p["1.0.weight"] + p["1.0.bias"]
        x = x + nn.softplus(product(p, "1.1", z))
        return nn.softmax(product(p, "3", nn.sigmoid(product(p, "2.0.0", x)) * x[jnp.array([2, 0, 2])]))

    def picture(p, x):
        y = jax.lax.conv(x[None], p["0.weight"], (1, 1), [(1, 1), (1, 1)])[0] + p["0.bias"][:, None, None]
        pooled = jnp.tanh(y).reshape(3, 2, 2, 2, 2).mean(axis=(2, 4))
        return product(p, "3", pooled.reshape(-1))

    return {"made of layers": layered, "image": picture}.get(name, chain)


def recorded(name, rng, jax):
    """What one network's derivatives are."""
    jnp, net, function = jax.numpy, NETWORKS[name](), in_jax(name, jax)
    for values in net.params.values():
        values[...] += rng.normal(0, 0.3, values.shape)
    p = {key: jnp.array(values) for key, values in net.params.items()}
    x, u = (rng.standard_normal((2, *net.input_shape)) for _ in "xu")
    v = rng.standard_normal((2, *net.output_shape))

    def along(p, x, d):
        return jax.jvp(lambda x: function(p, x), (x,), (d,))[1]

    def residual(p, x):
        a, b = jnp.array(DIRECTIONS)
        return function(p, x) + 2 * along(p, x, a) - jax.jvp(lambda x: along(p, x, b), (x,), (b,))[1]

    def loss(p, x):
        return 0.5 * (jax.vmap(lambda x: residual(p, x))(x) ** 2).sum()

    case = {
        "x": x, "u": u, "v": v, **p, "y": jax.vmap(lambda x: function(p, x))(x),
        "jacobian": jax.vmap(jax.jacobian(lambda x: function(p, x)))(x),
        "vjp": jax.vmap(lambda x, v: jax.vjp(lambda x: function(p, x), x)[1](v)[0])(x, v),
        "jvp": jax.vmap(lambda x, u: along(p, x, u))(x, u),
    }  # fmt: skip
    if len(net.input_shape) == 1:
        dp, dx = jax.grad(loss, (0, 1))(p, jnp.array(x))
        case |= {"loss": loss(p, x), "dx": dx, **{f"d{key}": values for key, values in dp.items()}}
        case["hessian"] = jax.vmap(jax.hessian(lambda x: function(p, x)))(x)
    return {key: np.asarray(values).tolist() for key, values in case.items()}


def record():
    import jax

    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    lines = [f"{json.dumps(name)}: {json.dumps(recorded(name, rng, jax))}" for name in NETWORKS]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
