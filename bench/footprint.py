"""The footprint of fastdl: memory, disk space, and time to import."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

import fastdl

_PEAK = """
import sys
from fastdl.cli import main
main(["train", "lenet5", "--epochs", "1"])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""


def peak_memory() -> float:
    """Peak memory of ``fastdl train lenet5`` in megabytes, by Linux's count for the process.

    getrusage's count would start with the peak of the parent process.
    """
    done = subprocess.run([sys.executable, "-c", _PEAK], capture_output=True, text=True, check=True)
    kilobytes = int(done.stderr.split()[-2])
    return kilobytes * 1024 / 1e6


def installed_size() -> float:
    """Megabytes of the package's files without MNIST's."""
    root = Path(fastdl.__file__).parent
    files = (p for p in root.rglob("*") if p.is_file() and p.parent.name not in ("data", "__pycache__"))
    return sum(p.stat().st_size for p in files) / 1e6


def import_time(repeats: int = 15) -> float:
    """Milliseconds that ``import fastdl`` takes over ``import numpy``.

    It runs without what an environment loads at Python's start: the hook of an editable install, for example, loads
    modules that fastdl needs.
    """
    times: dict[str, list[float]] = {"numpy": [], "fastdl": []}
    # With its bytecode cached, as an installed package's is.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(package.__file__).parents[1]) for package in (fastdl, np))
    command = [sys.executable, "-S", "-c"]
    subprocess.run([*command, "import fastdl"], check=True, env=environment)
    for _ in range(repeats):
        for name, spent in times.items():
            start = perf_counter()
            subprocess.run([*command, f"import {name}"], check=True, env=environment)
            spent.append(perf_counter() - start)
    return (statistics.median(times["fastdl"]) - statistics.median(times["numpy"])) * 1e3
