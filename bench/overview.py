"""The table of the project's README: some rows, on AVX2 and on AVX-512 side by side, of the processor measured last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .contestant import CANNOT_BE_HELD

_NAMES = {"torch": "PyTorch", "jax": "JAX", "numpy": "NumPy", "onnxruntime": "ONNX Runtime"}
_BEGIN, _END = "<!-- by python -m bench -->\n", "<!-- until here -->\n"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _small(value: float) -> str:
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


class _Row(NamedTuple):
    label: str
    names: tuple[str, ...]  # of works
    scale: float = 1e3  # of seconds
    unit: str = "ms"
    shown: Callable[[float], str] = _short
    per_second: bool = False

    def figure(self, seconds: float) -> str:
        return self.shown(self.scale / seconds if self.per_second else self.scale * seconds)


_ROWS = (
    _Row("LeNet-5 training, batch 64, 60,000 samples", ("lenet_64",), 1, "s"),
    _Row("LeNet-5 training, batch 1, 60,000 samples", ("lenet_1",), 1, "s"),
    _Row("MLP 784-300-10 training, batch 128, 60,000 samples", ("mlp_128",), 1, "s"),
    _Row("MLP 784-300-10 training, batch 1, 60,000 samples", ("mlp_1",), 1, "s"),
    _Row(
        "LeNet-5 inference, batch of 1 / 64 / 1000, us", ("predict_1", "predict_64", "predict_1000"), 1e6, "", _whole
    ),
    _Row("ResNet-8 on 32 x 32 images, training, batch 64, a sample", ("resnet8_training",), 1e6, "us"),
    _Row(
        "depthwise-separable convolutions, 32 x 32 images, training, batch 64, a sample",
        ("separable_training",), 1e6, "us",
    ),
    _Row("MLP 20-64-64-1 training with Adam, batch 32, a sample", ("small_training",), 1e6, "us"),
    _Row("64 such MLPs side by side, a step of all", ("many_small",)),
    _Row("transformer, 4 blocks of 128, 128 tokens, training, a sample", ("transformer_training",)),
    _Row("the same, a prediction of one sequence", ("transformer_predict",)),
    _Row("LSTM 128 to 128, 50 steps, batch 1, forward and gradients", ("lstm_1_128_128",)),
    _Row("LSTM 64 to 128, 50 steps, batch 16, forward and gradients", ("lstm_16_64_128",)),
    _Row("GRU 128 to 256, 50 steps, batch 32, forward and gradients", ("gru_32_128_256",)),
    _Row("language model, LSTM of 512 units, characters per second", ("language",), 1, "", _whole, True),
    _Row("recursive network of 30 units, an epoch of trees", ("trees",), 1, "s", _small),
    _Row("dense 1024 to 1024, batch 256, forward and gradients", ("dense_1024",)),
    _Row("convolution 64 to 64, 3 x 3, 32 x 32, batch 32, forward and gradients", ("convolution_64",)),
)  # fmt: skip


def _cells(row: _Row, results: dict[str, Any]) -> str:
    """Return fastdl's cell and that of the best other, the faster one in bold."""
    seconds = [results["rows"][name]["seconds"] for name in row.names]
    best = [min((s for s in one if s in _NAMES), key=one.__getitem__) for one in seconds]
    unit = f" {row.unit}" if row.unit else ""
    ours = " / ".join(row.figure(one["fastdl"]) for one in seconds) + unit
    theirs = " / ".join(row.figure(one[name]) for one, name in zip(seconds, best, strict=True)) + unit
    who = " / ".join(_NAMES[name] for name in (best if len(set(best)) > 1 else best[:1]))
    if sum(one["fastdl"] for one in seconds) <= sum(one[name] for one, name in zip(seconds, best, strict=True)):
        return f"**{ours}** | {theirs}, {who}"
    return f"{ours} | **{theirs}**, {who}"


def _version(results: dict[str, Any], name: str) -> str:
    return f"{_NAMES[name]} {'.'.join(results['versions'][name].split('+')[0].split('.')[:2])}"


def _is_whole(run: dict[str, Any]) -> bool:
    """Return whether all rows were measured, beside everybody who could take part."""
    peers = [name for name in _NAMES if name not in CANNOT_BE_HELD or not run["machine"].get("held")]
    return all(run["versions"].get(name) for name in peers) and {n for row in _ROWS for n in row.names} <= set(
        run["rows"]
    )


def table(avx2: dict[str, Any], avx512: dict[str, Any]) -> str:
    """Return what it was measured on and with, and the rows."""
    machine = avx2["machine"]
    commits = " and ".join(sorted({run["machine"]["commit"] for run in (avx2, avx512)}))
    peers = f"{_version(avx2, 'torch')}, {_version(avx2, 'jax')}, NumPy and, with AVX-512 alone"
    text = (
        f"At commit {commits} on {machine['cores']} cores of {machine['cpu']}, that others share. Times are of fastdl "
    )
    text += f"and of the best of {peers}, {_version(avx512, 'onnxruntime')}:\n\n"
    text += "| work | AVX2: fastdl | best other | AVX-512: fastdl | best other |\n| --- | --- | --- | --- | --- |\n"
    for row in _ROWS:
        text += f"| {row.label} | {_cells(row, avx2)} | {_cells(row, avx512)} |\n"
    return text + f"| installed, without MNIST | **{avx2['installed_size']:.1f} MB** | | | |\n"


def write(readme: Path, runs: list[dict[str, Any]]) -> None:
    """Put the table between its marks in a README, of a processor of which AVX2 and AVX-512 were measured whole."""
    latest: dict[str, dict[str, dict[str, Any]]] = {}
    for run in sorted(filter(_is_whole, runs), key=lambda run: run["machine"]["date"]):
        latest.setdefault(run["machine"]["cpu"], {})[run["machine"]["instruction set"][-2:]] = run
    pairs = [found for found in latest.values() if {"v3", "v4"} <= set(found)]
    found = max(pairs, key=lambda pair: min(run["machine"]["date"] for run in pair.values()))
    head, _, rest = readme.read_text().partition(_BEGIN)
    _, mark, tail = rest.partition(_END)
    if not mark:
        raise ValueError(f"{readme} must have the marks {_BEGIN!r} and {_END!r}")
    readme.write_text(head + _BEGIN + table(found["v3"], found["v4"]) + _END + tail)
