"""``python -m bench``: measure everything, write the results of this processor, and render both READMEs.

``FASTDL_ISA=v3 python -m bench`` does so with everyone held to AVX2, on processors that have more.

Every contestant's result is compared with the reference before it is timed. Then they take turns, and the median
counts. Networks that were trained meanwhile must have learned. Where BENCH_TREES is set in the environment, trees are
those of that file, with labels from 0 to 4, such as the Stanford Sentiment Treebank's train.txt, else expressions of
Python's standard library.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from datetime import date
from pathlib import Path
from statistics import median
from time import sleep

import numpy as np

import fastdl

from . import digits, footprint, report, trees, work
from .contestant import CANNOT_BE_HELD, NAMES, Contestant, held_to

HERE = Path(__file__).parent
REST = 0.15  # seconds between turns, for the last one's threads to go to sleep: OpenBLAS's wait for 0.1


def measure(names: list[str], repeats: int) -> dict[str, object]:
    """Run the works of these names with every contestant there is."""
    cores = fastdl.get_num_threads()
    contestants = [Contestant(name, cores) for name in NAMES if not (held_to() and name in CANNOT_BE_HELD)]
    ours = contestants[0]
    rows = {}
    for name in names:
        item = work.WORK[name]
        threads = min(item.threads, cores)
        able = [c for c in contestants if name in c.works]
        shares = {}
        for contestant in able:
            first = contestant.ask("check", name, threads)
            item.verify(first["check"], contestant.name)
            shares[contestant.name] = first["share"]
        times: dict[str, list[float]] = {c.name: [] for c in able}
        peaks = []
        for _ in range(repeats):
            sleep(REST)
            peaks.append(ours.ask("peak", name, threads))
            for contestant in able:
                sleep(REST)
                times[contestant.name].append(contestant.ask("time", name, threads))
        for contestant in able:
            if (outputs := contestant.ask("outputs", name, threads)) is not None:
                digits.verify_learned(outputs, f"{item.title}: {contestant.name}")
        seconds = {c: median(t) for c, t in times.items()}
        rows[name] = {
            "seconds": seconds, "all": times, "share": shares, "flop": item.operations(), "peak": median(peaks),
            "threads": threads,
        }  # fmt: skip
        print(name, {c: f"{item.in_unit(t):.4g}" for c, t in seconds.items()}, item.unit, flush=True)
    calls = {}
    for name in report.CALLS:
        ours.ask("check", name, 1)
        calls[name] = median(ours.ask("time", name, 1) for _ in range(repeats))
    versions = {c.name: c.version for c in contestants}
    for contestant in contestants:
        contestant.close()
    return {"rows": rows, "versions": versions, "calls": calls}


def elementwise() -> dict[str, float]:
    """Return how many numbers a nanosecond one thread takes through each function."""
    core = fastdl._core.load("float32")
    x, y = core.aligned_zeros(4096), core.aligned_zeros(4096)
    x[:] = np.random.default_rng(0).standard_normal(4096)
    return {
        name: len(x) * 1e-9 / median(core.elementwise_probe(name, x, y, 5000) for _ in range(9))
        for name in ("exp", "sigmoid", "tanh")
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _processor(name: str) -> str:
    """What Linux says of it; an EPYC's family is 23 of Zen 1 and 2, 25 of Zen 3 and 4, 26 of Zen 5."""
    return next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith(name)), "unknown")


def machine() -> dict[str, object]:
    """Say where and with what it was measured."""
    cpu = ", family ".join(_processor(name) for name in ("model name", "cpu family"))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE).stdout
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "instruction set": f"x86-64-{isa}" if (isa := fastdl._core.isa).startswith("v") else isa,
        "held": bool(held_to()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "commit": commit.strip(),
        "date": date.today().isoformat(),
    }


def main() -> None:
    """Measure and render, or render alone."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=work.WORK, help="these rows; nothing is written")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--render", action="store_true", help="render README.md from the results alone")
    options = parser.parse_args()
    if not options.render:
        results = measure(options.only or list(work.WORK), options.repeats)
        if options.only:
            return
        results |= {
            "machine": machine(),
            "repeats": options.repeats,
            "rest": REST,
            "trees": trees.source(),
            "peak_memory": footprint.peak_memory(),
            "installed_size": footprint.installed_size(),
            "import_time": footprint.import_time(),
            "elementwise": elementwise(),
        }
        name = f"results-{fastdl._core.isa}-family{_processor('cpu family')}.json"
        (HERE / name).write_text(json.dumps(results, indent=1) + "\n")
    report.render(HERE)


if __name__ == "__main__":
    main()
