"""``python -m bench.c_file``: C files beside `predictor` and ONNX Runtime, one sample a call: docs/c-export.md's table.

All agree before they are timed. They take turns on one thread, and the shortest turn of each counts.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime

import fastdl
from fastdl import Sequential, layers
from fastdl.export import CFile, to_c, to_onnx

STEPS = 32  # of sequences, if a network leaves it open
TURNS = 30
SECONDS = 0.02  # of a turn
TOLERANCE = 1e-5
COMPILERS = ("gcc -O2", "gcc -O3 -march=native", "clang -O2")

# The calls are made in C, so that Python's cost is not included.
DRIVER = """
#include "net.c"
void repeat(int calls, const float *x, float *y, net_workspace *workspace)
{
    for (int k = 0; k < calls; k++)
        net_predict(x, y, workspace);
}
"""


def _separable() -> Sequential:
    blocks = [
        part
        for filters in (32, 64)
        for part in (
            layers.Conv2D(filters // 2, 3, padding="same", groups=filters // 2), layers.BatchNorm(),
            layers.Activation("relu"), layers.Conv2D(filters, 1), layers.BatchNorm(), layers.Activation("relu"),
            layers.MaxPool2D(2),
        )
    ]  # fmt: skip
    first = layers.Conv2D(16, 3, padding="same", activation="relu")
    return Sequential([first, *blocks, layers.GlobalMeanPool(), layers.Dense(10)], input_shape=(3, 32, 32), seed=0)


NETWORKS: dict[str, Callable[[], Sequential]] = {
    "LeNet-5": lambda: fastdl.models.lenet5(seed=0),
    "MLP 784-300-10": lambda: fastdl.models.mlp(activation="sigmoid", output="sigmoid", seed=0),
    "MLP 20-64-64-1": lambda: fastdl.models.mlp((20, 64, 64, 1), activation="tanh", output=None, seed=0),
    "separable convolutions, 32 x 32": _separable,
    "LSTM of 64, 20 steps of 8": lambda: Sequential([layers.LSTM(64), layers.Dense(5)], input_shape=(20, 8), seed=0),
}


def written(net: Sequential, path: Path, weights: str = "float") -> CFile:
    """Write a network's file."""
    return to_c(net, path, steps=STEPS if None in net.input_shape else None, weights=weights)


def in_c(net: Sequential, folder: Path, compiler: str, x: np.ndarray, y: np.ndarray) -> Callable[[int], None]:
    """Compile a network's file, and give a function that calls it a number of times."""
    size = written(net, folder / "net.c").workspace
    (folder / "calls.c").write_text(DRIVER)
    library = folder / f"calls{len(list(folder.iterdir()))}.so"
    options = ["-std=c99", "-shared", "-fPIC", str(folder / "calls.c"), "-o", str(library), "-lm"]
    subprocess.run([*compiler.split(), *options], check=True)
    repeat = ctypes.CDLL(str(library)).repeat
    workspace = np.empty(size // 4, "float32")
    return lambda calls: repeat(calls, x.ctypes, y.ctypes, workspace.ctypes)


def in_onnxruntime(net: Sequential, folder: Path, x: np.ndarray, y: np.ndarray) -> Callable[[int], None]:
    """Return a function that calls ONNX Runtime a number of times, on one thread."""
    to_onnx(net, folder / "net.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "net.onnx"), options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    feed = {given.name: x[None].astype({"tensor(int64)": "int64", "tensor(int32)": "int32"}.get(given.type, "float32"))}

    def run(calls: int) -> None:
        for _ in range(calls):
            made = session.run(None, feed)
        y[...] = made[0][0]

    return run


def in_fastdl(net: Sequential, x: np.ndarray, y: np.ndarray) -> Callable[[int], None]:
    """Return a function that calls a predictor a number of times."""
    predict, batch = net.predictor(1), x[None]

    def run(calls: int) -> None:
        for _ in range(calls):
            made = predict(batch)
        y[...] = made[0]

    return run


def measure(net: Sequential, folder: Path) -> dict[str, float]:
    """Return the seconds of a call of each."""
    rng = np.random.default_rng(0)
    shape = tuple(STEPS if n is None else n for n in net.input_shape)
    x = (rng.integers(0, 65, shape) if net.reading.tokens else rng.random(shape)).astype("float32")
    y = np.empty_like(net.predict(x[None])[0])
    runs = {name: in_c(net, folder, name, x, y) for name in COMPILERS}
    runs |= {"predictor(1)": in_fastdl(net, x, y), "ONNX Runtime": in_onnxruntime(net, folder, x, y)}
    expected, calls = net.predict(x[None])[0], {}
    for name, run in runs.items():
        y[...] = np.nan
        run(1)
        np.testing.assert_allclose(y, expected, rtol=0, atol=TOLERANCE * abs(expected).max(), err_msg=name)
        start = perf_counter()
        run(20)
        calls[name] = max(1, int(20 * SECONDS / (perf_counter() - start)))
    best = dict.fromkeys(runs, np.inf)
    for _ in range(TURNS):
        for name, run in runs.items():
            start = perf_counter()
            run(calls[name])
            best[name] = min(best[name], (perf_counter() - start) / calls[name])
    return best


def main() -> None:
    """Measure all, and print rows."""
    fastdl.set_num_threads(1)
    names = [*COMPILERS, "predictor(1)", "ONNX Runtime"]
    print("| network | constants | of 8 bits | workspace |", *(f"`{name}` |" for name in names))
    print("| --- | --- | --- | --- |", *("--- |" for _ in names))
    for title, make in NETWORKS.items():
        net = make()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            small, whole = (written(net, folder / "size.c", weights) for weights in ("int8", "float"))
            times = measure(net, folder)
        sizes = (f"{size / 1000:,.1f} kB |" for size in (whole.constants, small.constants, whole.workspace))
        print(f"| {title} |", *sizes, *(f"{times[name] * 1e6:,.3g} us |" for name in names), flush=True)


if __name__ == "__main__":
    main()
