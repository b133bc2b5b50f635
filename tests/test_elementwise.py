"""exp and the activations of the core, in units in the last place, over all of float32 and of float64."""

import math

import numpy as np
import pytest

from fastdl import _core

LIMIT = 4.0


def sigmoid(x):
    with np.errstate(all="ignore"):
        e = np.exp(-abs(x))
        return np.where(x < 0, e, 1) / (1 + e)


def below(x):
    return np.minimum(x, 0)


EXACT = {
    "exp": np.exp,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "elu": lambda x: np.where(x > 0, x, np.expm1(below(x))),
    "selu": lambda x: np.where(x > 0, SCALE * x, SCALE * ALPHA * np.expm1(below(x))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
    "silu": lambda x: np.where(np.isinf(x), np.maximum(x, 0), x * sigmoid(x)),
    "hard_sigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_silu": lambda x: np.where(x > -3, x * np.clip((x + 3) / 6, 0, 1), 0),
}
SCALE, ALPHA = map(np.longdouble, ("1.0507009873554804934193349852946", "1.6732632423543772848170429916717"))


def computed(name, x):
    """What the core makes of x."""
    core = _core.load(x.dtype.name)
    if name == "exp":
        given, y = core.aligned_zeros(len(x)), core.aligned_zeros(len(x))
        given[:] = x
        core.elementwise_probe(name, given, y)
        return y
    return core.activation_forward(name, float(name == "elu"), x[None])[0]


def errors(y, exact):
    """How far y is from what is exact, in units of its last place; infinities must be the same."""
    with np.errstate(over="ignore"):
        nearest = exact.astype(y.dtype)
    finite = np.isfinite(nearest)
    assert (y[~finite] == nearest[~finite]).all()
    return np.abs(y[finite] - exact[finite]) / np.spacing(np.abs(nearest[finite])).astype(exact.dtype)


@pytest.mark.parametrize("name", EXACT)
def test_all_of_float32(name):
    """Every 509th number there is: of each binade about 16,000."""
    x = np.arange(0, 1 << 32, 509, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([x[np.isfinite(x)], np.float32([0, -0.0, np.inf, -np.inf])])
    y = computed(name, x)
    with np.errstate(all="ignore"):
        assert errors(y, EXACT[name](x.astype(float))).max() <= LIMIT


@pytest.mark.parametrize("name", EXACT)
def test_float64(name):
    if np.finfo(np.longdouble).eps >= np.finfo(float).eps:
        pytest.skip("nothing here is more exact than float64")
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.uniform(-760, 720, 200_000), rng.standard_normal(200_000), 10 ** rng.uniform(-300, 300, 20_000)]
    )
    y = computed(name, x)
    with np.errstate(all="ignore"):
        assert errors(y, EXACT[name](x.astype(np.longdouble))).max() <= LIMIT


def gelu(x):
    """x P(x) of longdouble, from erfc of float64: what is lost in its argument comes out multiplied by that."""
    z = -x / np.sqrt(np.longdouble(2))
    near = z.astype(float)
    missed = np.where(z > 1, np.exp(-(z - near) * (z + near)), 1)
    return x * (np.vectorize(math.erfc, otypes=[float])(near) * missed / 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gelu(dtype):
    if np.finfo(np.longdouble).eps >= np.finfo(float).eps:
        pytest.skip("nothing here is more exact than float64")
    limit = 7 if dtype == "float32" else 9  # erfc's own among them
    rng = np.random.default_rng(0)
    smallest = np.log10(float(np.finfo(dtype).tiny))
    x = np.concatenate(
        [
            rng.uniform(-37, 37, 100_000),  # below, erfc itself is denormal in float64
            rng.uniform(-15, 15, 100_000),
            rng.standard_normal(200_000),
            rng.choice([-1, 1], 20_000) * 10 ** rng.uniform(smallest, -smallest, 20_000),
        ]
    ).astype(dtype)
    y = computed("gelu", x)
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        assert errors(y, np.where(x > -1e4, gelu(x.astype(np.longdouble)), 0)).max() <= limit


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*EXACT, "gelu"])
def test_what_is_no_number_stays_none(name, dtype):
    assert np.isnan(computed(name, np.full(5, np.nan, dtype))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slope_of_silu(dtype):
    """Of its two terms, which cancel near -1.28, each is within a few units."""
    if np.finfo(np.longdouble).eps >= np.finfo(float).eps:
        pytest.skip("nothing here is more exact than float64")
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-760, 760, 100_000), rng.uniform(-20, 20, 100_000), rng.standard_normal(100_000)])
    x = x.astype(dtype)
    slopes = _core.load(dtype).activation_backward("silu", 0, np.ones_like(x)[None], x[None])[0]
    exact, exact_x = sigmoid(x.astype(np.longdouble)), x.astype(np.longdouble)
    terms = exact, exact * exact_x * sigmoid(-exact_x)
    unit = np.finfo(dtype).eps * (abs(terms[0]) + abs(terms[1])) + np.finfo(dtype).smallest_subnormal
    assert (abs(slopes - terms[0] - terms[1]) / unit).max() <= LIMIT
