"""Recurrent layers, normalization, activations and attention beside PyTorch's, whose weights they take as they are.

What PyTorch 2.13 gave is in pytorch.json. With PyTorch installed, ``python tests/test_pytorch.py`` writes that file
again.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from fastdl import layers

RECORDED = Path(__file__).with_name("pytorch.json")
INPUTS, UNITS, SAMPLES, STEPS, HEADS = 2, 3, 2, 4, 2
MODULES = {
    "RNN": lambda: layers.RNN(UNITS, return_sequences=True),
    "LSTM": lambda: layers.LSTM(UNITS, return_sequences=True),
    "GRU": lambda: layers.GRU(UNITS, return_sequences=True),
}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_the_same_numbers(name, bidirectional):
    case = json.loads(RECORDED.read_text())[f"{name}, bidirectional={bidirectional}"]
    given = {key: np.array(values) for key, values in case.items()}
    layer = layers.Bidirectional(MODULES[name]()) if bidirectional else MODULES[name]()
    layer.build((None, INPUTS), dtype="float64")
    for key, values in layer.params.items():
        values[...] = given[torch_name(key)]

    def states(kind):  # PyTorch's are (directions, N, units)
        ways = [(h, c) if name == "LSTM" else h for h, c in zip(given[f"{kind}_h"], given[f"{kind}_c"], strict=True)]
        return tuple(ways) if bidirectional else ways[0]

    y = layer.forward(given["x"], initial_state=states("initial"))
    dx = layer.backward(given["dy"])
    np.testing.assert_allclose(y, given["y"], rtol=1e-12)
    np.testing.assert_allclose(dx, given["dx"], rtol=1e-12)
    for ours, theirs in ((layer.state, "final"), (layer.state_gradient, "gradient")):
        np.testing.assert_allclose(ours, states(theirs), rtol=1e-12)
    for key, values in layer.grads.items():
        np.testing.assert_allclose(values, given[f"d{torch_name(key)}"], rtol=1e-12)


def torch_name(key):
    return key.replace("_reverse", "_l0_reverse") if key.endswith("_reverse") else f"{key}_l0"


SHAPES = [(3,), (4, 3), (3, 2, 5)]
SETTINGS = {"momentum": 0.3, "epsilon": 1e-3}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_batch_norm(shape):
    """A batch in training, with what it leaves behind, and then the same one outside training."""
    case = json.loads(RECORDED.read_text())[f"BatchNorm, shape={shape}"]
    given = {key: np.array(values) for key, values in case.items()}
    layer = layers.BatchNorm(**SETTINGS).build(shape, dtype="float64")
    for key, values in {**layer.params, **layer.buffers}.items():
        values[...] = given[key]
    for when in ("in_training", "outside"):
        np.testing.assert_allclose(layer.forward(given["x"], training=when == "in_training"), given[f"y_{when}"], 1e-12)
        np.testing.assert_allclose(layer.backward(given["dy"]), given[f"dx_{when}"], rtol=1e-11)
        for key, values in layer.grads.items():
            np.testing.assert_allclose(values, given[f"d{key}_{when}"], rtol=1e-12)
        for key, values in layer.buffers.items():
            np.testing.assert_allclose(values, given[f"{key}_after"], rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_layer_norm(shape):
    case = json.loads(RECORDED.read_text())[f"LayerNorm, shape={shape}"]
    given = {key: np.array(values) for key, values in case.items()}
    layer = layers.LayerNorm(epsilon=SETTINGS["epsilon"]).build(shape, dtype="float64")
    for key, values in layer.params.items():
        values[...] = given[key]
    np.testing.assert_allclose(layer.forward(given["x"]), given["y"], rtol=1e-12)
    np.testing.assert_allclose(layer.backward(given["dy"]), given["dx"], rtol=1e-11)
    for key, values in layer.grads.items():
        np.testing.assert_allclose(values, given[f"d{key}"], rtol=1e-12)


ACTIVATIONS = {  # of ours, PyTorch's
    "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "softplus": "Softplus", "gelu": "GELU", "silu": "SiLU",
    "hard_sigmoid": "Hardsigmoid", "hard_tanh": "Hardtanh", "hard_silu": "Hardswish", "relu6": "ReLU6",
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_same_activations(name):
    """With PyTorch's defaults, corners and large numbers included."""
    case = json.loads(RECORDED.read_text())["activations"]
    x, slopes = np.array([case["x"]]), case[f"d{name}"]
    layer = layers.Activation(name).build(x.shape[1:], dtype="float64")
    # Its softplus is x itself from 20 on, and its hard_sigmoid has a slope of float32.
    np.testing.assert_allclose(layer.forward(x)[0], case[name], rtol=1e-9 if name == "softplus" else 1e-13, atol=1e-15)
    np.testing.assert_allclose(layer.backward(np.ones_like(x))[0], slopes, rtol=1e-7, atol=1e-15)


def record_activations(torch):
    corners = [-3, -1, 0, 1, 3, 6]
    case = {"x": torch.tensor([*corners, -700, -30, -5, 1e-20, -1e-20, 5, 30, 700, *torch.linspace(-4.1, 4.2, 20)])}
    for name, module in ACTIVATIONS.items():
        x = case["x"].clone().requires_grad_()
        case[name] = getattr(torch.nn, module)()(x)
        case[name].sum().backward()
        case[f"d{name}"] = x.grad
    return {"activations": case}


@pytest.mark.parametrize("causal", [False, True])
def test_the_same_attention(causal):
    case = json.loads(RECORDED.read_text())[f"MultiheadAttention, causal={causal}"]
    given = {key: np.array(values) for key, values in case.items()}
    layer = layers.SelfAttention(HEADS, causal=causal).build((None, HEADS * UNITS), dtype="float64")
    for key, values in layer.params.items():
        values[...] = given[key]
    lengths = None if causal else given["lengths"]
    y, dx = layer.forward(given["x"], lengths=lengths), layer.backward(given["dy"])
    there = np.arange(y.shape[1]) < given["lengths"][:, None] if lengths is not None else ...
    np.testing.assert_allclose(y[there], given["y"][there], rtol=1e-12)
    np.testing.assert_allclose(dx, given["dx"], rtol=1e-10, atol=1e-14)
    for key, values in layer.grads.items():
        np.testing.assert_allclose(values, given[f"d{key}"], rtol=1e-10, atol=1e-14)


def record_attention(torch):
    cases = {}
    for causal in (False, True):
        module = torch.nn.MultiheadAttention(HEADS * UNITS, HEADS, batch_first=True)
        with torch.no_grad():
            for values in module.parameters():
                values += torch.rand_like(values)
        x, dy = (torch.randn(SAMPLES, STEPS, HEADS * UNITS) for _ in "xy")
        x.requires_grad_()
        lengths = torch.tensor([STEPS] * SAMPLES if causal else [STEPS - 1, STEPS])
        missing = torch.arange(STEPS) >= lengths[:, None]
        dy[missing] = 0
        later = torch.ones(STEPS, STEPS, dtype=bool).triu(1)
        seen = {"attn_mask": later} if causal else {"key_padding_mask": missing}
        y, _ = module(x, x, x, need_weights=False, **seen)
        y.backward(dy)
        named = {key.replace(".", "_"): values for key, values in module.named_parameters()}
        case = {"x": x, "y": y, "dy": dy, "dx": x.grad, "lengths": lengths, **named}
        cases[f"MultiheadAttention, causal={causal}"] = case | {f"d{key}": t.grad for key, t in named.items()}
    return cases


SIZES = {"nearest": (2, 3), "bilinear": (3, 2)}


@pytest.mark.parametrize("interpolation", SIZES)
def test_the_same_upsampling(interpolation):
    case = json.loads(RECORDED.read_text())[f"UpSample2D, {interpolation}"]
    given = {key: np.array(values) for key, values in case.items()}
    layer = layers.UpSample2D(SIZES[interpolation], interpolation).build((2, 3, 4), dtype="float64")
    np.testing.assert_allclose(layer.forward(given["x"]), given["y"], rtol=1e-12)
    np.testing.assert_allclose(layer.backward(given["dy"]), given["dx"], rtol=1e-12)


def record_upsampling(torch):
    cases = {}
    for interpolation, size in SIZES.items():
        x = torch.randn(SAMPLES, 2, 3, 4, requires_grad=True)
        y = torch.nn.Upsample(scale_factor=size, mode=interpolation)(x)
        dy = torch.randn_like(y)
        y.backward(dy)
        cases[f"UpSample2D, {interpolation}"] = {"x": x, "y": y, "dy": dy, "dx": x.grad}
    return cases


def record_normalization(torch):
    cases = {}
    for shape in SHAPES:
        steps = len(shape) == 2  # which PyTorch has last
        kind = {1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm2d}[len(shape)]
        module = kind(shape[1] if steps else shape[0], eps=SETTINGS["epsilon"], momentum=SETTINGS["momentum"])
        x, dy = torch.randn(SAMPLES + 3, *shape) * 2 + 1, torch.randn(SAMPLES + 3, *shape)
        with torch.no_grad():
            for values in module.state_dict().values():
                if values.dtype == dy.dtype:
                    values += torch.rand_like(values)
        case = {"x": x, "dy": dy, **{key: t.clone() for key, t in module.state_dict().items()}}
        for when in ("in_training", "outside"):
            module.train(when == "in_training")
            x.requires_grad_().grad = None
            module.zero_grad()
            y = module(x.mT).mT if steps else module(x)
            y.backward(dy)
            case |= {f"y_{when}": y, f"dx_{when}": x.grad.clone()}
            case |= {f"d{key}_{when}": values.grad.clone() for key, values in module.named_parameters()}
        case |= {f"{key}_after": getattr(module, key) for key in ("running_mean", "running_var")}
        cases[f"BatchNorm, shape={shape}"] = case

        module = torch.nn.LayerNorm(shape if len(shape) == 3 else shape[-1:], eps=SETTINGS["epsilon"])
        x = (torch.randn(SAMPLES, *shape) * 2 + 1).requires_grad_()
        with torch.no_grad():
            for values in module.parameters():
                values += torch.rand_like(values)
        y, dy = module(x), torch.randn(SAMPLES, *shape)
        y.backward(dy)
        case = {"x": x, "y": y, "dy": dy, "dx": x.grad, **dict(module.named_parameters())}
        case |= {f"d{key}": values.grad for key, values in module.named_parameters()}
        cases[f"LayerNorm, shape={shape}"] = case
    return cases


def record():
    import torch

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    cases = {}
    for name in MODULES:
        for bidirectional in (False, True):
            module = getattr(torch.nn, name)(INPUTS, UNITS, batch_first=True, bidirectional=bidirectional)
            directions = 1 + bidirectional
            x = torch.randn(SAMPLES, STEPS, INPUTS, requires_grad=True)
            h, c = (torch.randn(directions, SAMPLES, UNITS, requires_grad=True) for _ in "hc")
            y, final = module(x, (h, c) if name == "LSTM" else h)
            dy = torch.randn_like(y)
            y.backward(dy)
            final_h, final_c = final if name == "LSTM" else (final, torch.zeros_like(final))
            case = {
                "x": x, "initial_h": h, "initial_c": c, "y": y, "final_h": final_h, "final_c": final_c,
                "dy": dy, "dx": x.grad, "gradient_h": h.grad,
                "gradient_c": c.grad if name == "LSTM" else torch.zeros_like(c),
                **dict(module.named_parameters()), **{f"d{key}": p.grad for key, p in module.named_parameters()},
            }  # fmt: skip
            cases[f"{name}, bidirectional={bidirectional}"] = case
    cases |= (
        record_normalization(torch) | record_activations(torch) | record_attention(torch) | record_upsampling(torch)
    )
    plain = {name: {key: t.detach().tolist() for key, t in case.items()} for name, case in cases.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in plain.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
