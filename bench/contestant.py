"""One contestant in a process of its own, so that no library's waiting threads disturb another's.

Reads a work's name and a number of threads a line, does the work once, and answers with a line of JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
import sys
from time import perf_counter
from typing import Any

NAMES = ("fastdl", "torch", "jax", "onnxruntime", "numpy")


class Contestant:
    """The other end of the process; None where the library is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.contestant", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        hello = self._answer()
        self.version, self.works = hello["version"], hello["works"]

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return json.loads(line)

    def ask(self, work: str, threads: int) -> Any:
        """Give the answer to one line."""
        assert self._process.stdin
        self._process.stdin.write(f"{work} {threads}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def serve(name: str) -> None:
    """Answer until the input ends. Nothing but answers goes to the standard output."""
    out, sys.stdout = sys.stdout, sys.stderr

    def answer(value: Any) -> None:
        print(json.dumps(value), file=out, flush=True)

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            module = importlib.import_module(f"bench.contestants.{name}")
    except ImportError:
        answer({"version": None, "works": []})
        return
    answer({"version": module.VERSION, "works": [w for w in dir(module) if not w.startswith("_")]})
    prepared: dict[tuple[str, int], Any] = {}
    for line in sys.stdin:
        work, threads = line.split()
        if work == "peak":
            answer(module.peak(int(threads)))
            continue
        key = work, int(threads)
        if key not in prepared:
            prepared[key] = getattr(module, work)(int(threads))
            check, run, _ = prepared[key]
            run()
            answer(check.tolist())
            continue
        _, run, share = prepared[key]
        start = perf_counter()
        run()
        answer((perf_counter() - start) / share)


if __name__ == "__main__":
    serve(sys.argv[1])
