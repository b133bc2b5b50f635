"""Recurrent layers beside PyTorch's, whose weights they take as they are.

What PyTorch 2.13 gave is in pytorch.json. With PyTorch installed, ``python tests/test_pytorch.py`` writes that file
again.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from fastdl import layers

RECORDED = Path(__file__).with_name("pytorch.json")
INPUTS, UNITS, SAMPLES, STEPS = 2, 3, 2, 4
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
            cases[f"{name}, bidirectional={bidirectional}"] = {key: t.detach().tolist() for key, t in case.items()}
    RECORDED.write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    record()
