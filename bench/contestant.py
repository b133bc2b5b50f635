"""One contestant in a process of its own, so that no library's waiting threads disturb another's.

Reads a question, a work's name and a number of threads a line, and answers with a line of JSON. The questions: ``check``
(prepares, warms up and gives what is compared with the reference), ``time`` (does the work once, and gives the seconds),
``outputs`` (of the network that was trained, or none) and ``peak``. Between questions it waits for its input.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .contestants import Task

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

    def ask(self, question: str, work: str, threads: int) -> Any:
        """Give the answer to one line."""
        assert self._process.stdin
        self._process.stdin.write(f"{question} {work} {threads}\n")
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
    task: Task | None = None
    for line in sys.stdin:
        question, work, threads = line.split()
        if question == "peak":
            answer(module.peak(int(threads)))
        elif question == "check":
            task = getattr(module, work)(int(threads))
            task.run()
            answer(task.check.tolist())
        elif question == "outputs":
            answer(task.outputs().tolist() if task.outputs else None)
        else:
            start = perf_counter()
            task.run()
            answer((perf_counter() - start) / task.share)


if __name__ == "__main__":
    serve(sys.argv[1])
