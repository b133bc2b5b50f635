"""Writes pytorch_onnx.npz: what PyTorch's two exporters make of small modules, and what these give. It needs torch.

For each module there are the files `NAME.new` (of torch.export) and `NAME.old` (of TorchScript) as bytes, the input
`NAME.x`, of some an initial state `NAME.h`, and the output `NAME.y`. Names of files say what may differ from call to
call: N alone, or N and T.
"""

import io
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)


class Of(nn.Module):
    """A module of others and of a function."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *x):
        return self.function(self, *x)


def turned(x):
    return x.transpose(1, 2)


def attention(mask=None):
    of = nn.MultiheadAttention(4, 2, batch_first=True)
    return Of(lambda m, x: m.of(x, x, x, need_weights=False, attn_mask=mask)[0], of=of)


def cell(kind, function, **arguments):
    return Of(lambda m, x: function(*m.of(x)), of=kind(4, 3, batch_first=True, **arguments))


def modules():
    """Modules, inputs and what may differ."""
    vectors, images, steps = torch.randn(3, 5), torch.randn(2, 2, 6, 6), torch.randn(2, 5, 4)
    tokens = torch.randint(0, 7, (2, 5))
    mixed = torch.cat([torch.randn(3, 1), torch.randint(0, 6, (3, 1)).float(), torch.randn(3, 3)], 1)
    activations = {
        "relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "elu": nn.ELU(0.7), "selu": nn.SELU(), "gelu": nn.GELU(),
        "silu": nn.SiLU(), "softplus": nn.Softplus(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(),
        "hard_sigmoid": nn.Hardsigmoid(), "hard_tanh": nn.Hardtanh(), "hard_silu": nn.Hardswish(), "relu6": nn.ReLU6(),
        "softmax": nn.Softmax(-1),
    }  # fmt: skip
    for name, activation in activations.items():
        yield name, nn.Sequential(nn.Linear(5, 4), activation, nn.Linear(4, 2)), vectors, "N"
    causal = torch.triu(torch.full((5, 5), float("-inf")), 1)
    yield from (
        ("vectors", nn.Sequential(
            nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(), nn.LayerNorm(4), nn.Linear(4, 2, bias=False)
        ), vectors, "N"),
        ("images", nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 4, (2, 3), groups=2, padding=(0, 1)), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 3)
        ), images, "N"),
        ("dilated", nn.Sequential(
            nn.Conv2d(2, 4, 3, stride=2, dilation=2), nn.ELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        ), images, "N"),
        ("same", nn.Sequential(
            nn.Conv2d(2, 3, (4, 3), padding="same"), nn.GELU(), nn.AdaptiveMaxPool2d(1), nn.Flatten()
        ), images, "N"),
        ("decoder", nn.Sequential(
            nn.Linear(5, 12), nn.Unflatten(1, (3, 2, 2)),
            nn.ConvTranspose2d(3, 2, (3, 2), stride=2, padding=1, output_padding=1), nn.SiLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(2, 1, 1), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Sigmoid()
        ), vectors, "N"),
        ("norms", nn.Sequential(nn.LayerNorm((2, 6, 6)), nn.BatchNorm2d(2)), images, "N"),
        ("grouped", nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
        ), images, "N"),
        ("instances", nn.Sequential(nn.Conv2d(2, 3, 3), nn.InstanceNorm2d(3, affine=True), nn.Tanh()), images, "N"),
        ("grouped_in_time", Of(
            lambda m, x: torch.relu(turned(m.norm(m.of(turned(x))))), of=nn.Conv1d(4, 6, 3, padding=1),
            norm=nn.GroupNorm(3, 6)
        ), steps, "NT"),
        ("lstm", Of(
            lambda m, x: m.out(m.of(x)[0]), of=nn.LSTM(4, 3, batch_first=True), out=nn.Linear(3, 2)
        ), steps, "NT"),
        ("lstm_of_two", cell(nn.LSTM, lambda y, _: y, num_layers=2), steps, "NT"),
        ("lstm_both_ways", cell(nn.LSTM, lambda y, _: y, bidirectional=True), steps, "N"),
        ("gru_last", cell(nn.GRU, lambda y, _: y[:, -1]), steps, "NT"),
        ("gru_state", cell(nn.GRU, lambda _, h: h[-1]), steps, "N"),
        ("gru_both_ends", cell(nn.GRU, lambda _, h: torch.cat((h[0], h[1]), -1), bidirectional=True), steps, "N"),
        ("rnn_of_relu", cell(nn.RNN, lambda y, _: y, nonlinearity="relu"), steps, "NT"),
        ("stateful", Of(
            lambda m, x, h: m.of(x, h), of=nn.GRU(4, 3, batch_first=True)
        ), (steps, torch.randn(1, 2, 3)), "NT"),
        ("tokens", Of(
            lambda m, x: m.out(m.of(m.table(x))[0]), table=nn.Embedding(7, 4), of=nn.GRU(4, 3, batch_first=True),
            out=nn.Linear(3, 7)
        ), tokens, "NT"),
        ("places", Of(
            lambda m, x: m.norm(m.table(x) + m.places(torch.arange(x.shape[1]))), table=nn.Embedding(7, 4),
            places=nn.Embedding(9, 4), norm=nn.LayerNorm(4)
        ), tokens, "NT"),
        ("table", Of(lambda m, x: x + m.table[:, : x.shape[1]], table=nn.Parameter(torch.randn(1, 9, 4))), steps, "NT"),
        ("in_time", Of(
            lambda m, x: torch.relu(turned(m.of(turned(x)))), of=nn.Conv1d(4, 3, 3, padding=1)
        ), steps, "NT"),
        ("causal", Of(
            lambda m, x: turned(m.of(nn.functional.pad(turned(x), (4, 0)))), of=nn.Conv1d(4, 3, 3, dilation=2)
        ), steps, "NT"),
        ("windows", Of(
            lambda m, x: m.out(m.norm(m.pool(torch.relu(m.of(turned(x))))).mean(2)), of=nn.Conv1d(4, 6, 3, groups=2),
            pool=nn.MaxPool1d(2), norm=nn.BatchNorm1d(6), out=nn.Linear(6, 2)
        ), steps, "N"),
        ("pooled", Of(lambda m, x: torch.cat([x.mean(1), x.amax(1)], 1)), steps, "NT"),
        ("branches", Of(
            lambda m, x: torch.cat([x + m.a(x), m.b(x) * torch.sigmoid(m.c(x)), x], 1), b=nn.Linear(5, 3),
            a=nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 5)), c=nn.Linear(5, 3)
        ), vectors, "N"),
        ("residual", Of(lambda m, x: torch.relu(x + m.of(x)), of=nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3, padding=1, bias=False)
        )), images, "N"),
        ("attention", attention(), steps, "N"),
        ("attention_causal", attention(causal), steps, "N"),
        ("attention_in_time", attention(), steps, "NT"),  # the old exporter writes down T
        ("block", nn.TransformerEncoderLayer(
            4, 2, 6, batch_first=True, norm_first=True, activation="gelu"
        ), steps, "N"),
        ("block_norm_last", nn.TransformerEncoderLayer(4, 1, 6, batch_first=True), steps, "N"),
        ("categories", Of(
            lambda m, x: torch.cat([m.table(x[:, 1].long()), m.of(x[:, [0, 2, 3, 4]])], 1), table=nn.Embedding(6, 3),
            of=nn.Linear(4, 2)
        ), mixed, "N"),
        ("scaled", Of(lambda m, x: m.of(x / 255 - 0.5) * 2, of=nn.Linear(5, 2)), vectors, "N"),
        ("row", Of(lambda m, x: m.of(x.flatten(1)), of=nn.Linear(20, 2)), steps, "N"),
        ("clipped", nn.Sequential(nn.Linear(5, 4), nn.Hardtanh(-0.5, 2), nn.Linear(4, 2)), vectors, "N"),
        ("gates", Of(
            lambda m, x: x * torch.sigmoid(m.b(torch.relu(m.a(x.mean((2, 3))))))[:, :, None, None],
            a=nn.Linear(2, 3), b=nn.Linear(3, 2)
        ), images, "N"),
        ("gates_of_convolutions", Of(
            lambda m, x: torch.sigmoid(m.b(torch.relu(m.a(x.mean((2, 3), keepdim=True))))).expand_as(x) * x,
            a=nn.Conv2d(2, 3, 1), b=nn.Conv2d(3, 2, 1)
        ), images, "N"),
        ("gates_of_pixels", Of(lambda m, x: x * torch.sigmoid(m.of(x)), of=nn.Conv2d(2, 1, 3, padding=1)), images, "N"),
        ("gates_in_time", Of(
            lambda m, x: x * torch.sigmoid(m.a(x)) + m.b(x.mean(1, keepdim=True)), a=nn.Linear(4, 1), b=nn.Linear(4, 4)
        ), steps, "NT"),
        ("modulated", Of(
            lambda m, x: x * m.a(x.mean((2, 3)))[:, :, None, None] + m.b(x.mean((2, 3)))[:, :, None, None],
            a=nn.Linear(2, 2), b=nn.Linear(2, 2)
        ), images, "N"),
    )  # fmt: skip


@torch.no_grad()
def trained(module):
    """Move what starts as zeros and ones."""
    for one in module.modules():
        if isinstance(one, nn.MultiheadAttention):
            one.in_proj_bias.uniform_(-0.5, 0.5)
            one.out_proj.bias.uniform_(-0.5, 0.5)
        elif isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)):
            one.weight.uniform_(0.5, 1.5)
            one.bias.uniform_(-0.5, 0.5)
        if isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d)):
            one.running_mean.uniform_(-0.5, 0.5)
            one.running_var.uniform_(0.5, 1.5)
    return module.eval()


def exported(module, x, free, new):
    """Return a file's bytes, without what it says of where it comes from."""
    axes = [{0: "batch", 1: "time"} if free == "NT" else {0: "batch"}, {1: "batch"}][: len(x)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        if new:
            dynamic = tuple(dict.fromkeys(one, torch.export.Dim.DYNAMIC) for one in axes)
            shapes = (dynamic,) if isinstance(module, Of) else dynamic
            torch.onnx.export(module, x, path, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False)
        else:
            names = ["x", "h"][: len(x)]
            by_name = dict(zip(names, axes, strict=True))
            torch.onnx.export(module, x, path, dynamo=False, dynamic_axes=by_name, input_names=names)
        model = onnx.load(path)
    del model.graph.value_info[:]
    for part in (
        model,
        model.graph,
        *model.graph.node,
        *model.graph.initializer,
        *model.graph.input,
        *model.graph.output,
    ):
        del part.metadata_props[:]
        part.doc_string = ""
    return np.frombuffer(model.SerializeToString(), np.uint8)


def main():
    torch.manual_seed(0)
    arrays = {}
    for name, module, x, free in modules():
        trained(module)
        given = x if isinstance(x, tuple) else (x,)
        with torch.no_grad():
            y = module(*given)
        arrays[f"{name}.y"] = (y[0] if isinstance(y, tuple) else y).numpy()
        arrays.update({f"{name}.{called}": one.numpy() for called, one in zip("xh", given, strict=False)})
        for kind in ("new", "old"):
            for may in dict.fromkeys((free, "N")):  # torch.export takes the steps of some to be fixed
                try:
                    arrays[f"{name}.{kind}"] = exported(module, given, may, kind == "new")
                    break
                except Exception as error:
                    print(name, kind, may, repr(error)[:100], file=sys.stderr)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    (Path(__file__).parent / "pytorch_onnx.npz").write_bytes(file.getvalue())


if __name__ == "__main__":
    main()
