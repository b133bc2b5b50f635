"""A contestant in a process of its own, so that no library's waiting threads disturb another's.

Reads a question, a work's name and a number of threads a line, and answers with a line of JSON. The questions:
``check`` (prepares, warms up and gives what is compared with the reference, and the share of the unit that is timed),
``time`` (does the work once, and gives the seconds of a unit), ``outputs`` (of the network that was trained, or none)
and ``peak``. Between questions it is blocked.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .work import WORK

if TYPE_CHECKING:
    from .contestants import Task

NAMES = ("fastdl", "torch", "jax", "onnxruntime", "numpy", "articles")
# Where fastdl is held to an instruction set, so are the others: NumPy's OpenBLAS, PyTorch and JAX.
HELD_TO = {
    "v3": {
        "OPENBLAS_CORETYPE": "Haswell",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        # This limits XLA's own code; products must not be YNNPACK's, which has no limit, but oneDNN's.
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2 --xla_cpu_experimental_ynn_fusion_type=",
    }
}
CANNOT_BE_HELD = ("onnxruntime",)
# These cannot be told how many threads to use: they count the processors that they may use, once.
COUNT_PROCESSORS = ("jax", "numpy", "articles")


def held_to() -> str:
    """Return the instruction set that all are held to; empty if each uses what there is."""
    return os.environ.get("FASTDL_ISA", "")


class Contestant:
    """The other end of the process, or of one for each number of threads that was asked for.

    ``version`` is None, and there are no ``works``, where the library is not installed.
    """

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self._processes: dict[int, subprocess.Popen[str]] = {}
        hello = self._start(threads)
        self.version, self.works = hello["version"], hello["works"]

    def _start(self, threads: int) -> Any:
        command = [sys.executable, "-m", "bench.contestant", self.name, str(threads)]
        environment = {**os.environ, **HELD_TO.get(held_to(), {})}
        if self.name in COUNT_PROCESSORS:
            environment["OPENBLAS_NUM_THREADS"] = str(threads)  # its threads start before processors can be limited
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self._processes[threads] = process
        return self._answer(process)

    def _answer(self, process: subprocess.Popen[str]) -> Any:
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return json.loads(line)

    def ask(self, question: str, work: str, threads: int) -> Any:
        """Return the answer to one line."""
        if self.name not in COUNT_PROCESSORS:
            process = next(iter(self._processes.values()))
        else:
            if threads not in self._processes:
                self._start(threads)
            process = self._processes[threads]
        assert process.stdin
        process.stdin.write(f"{question} {work} {threads}\n")
        process.stdin.flush()
        return self._answer(process)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.terminate()
            process.wait()


def serve(name: str, threads: int) -> None:
    """Answer until the input ends. Nothing but answers goes to the standard output."""
    if name in COUNT_PROCESSORS and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    out, sys.stdout = sys.stdout, sys.stderr

    def answer(value: Any) -> None:
        print(json.dumps(value), file=out, flush=True)

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            module = importlib.import_module(f"bench.contestants.{name}")
    except ImportError:
        answer({"version": None, "works": []})
        return
    answer({"version": module.VERSION, "works": [work for work in WORK if work in module.WORKS]})
    task: Task | None = None
    for line in sys.stdin:
        question, work, threads = line.split()
        if question == "peak":
            answer(module.peak(int(threads)))
        elif question == "check":
            task = module.WORKS[work](int(threads))
            task.run()
            answer({"check": task.check.tolist(), "share": task.share})
        elif question == "outputs":
            answer(task.outputs().tolist() if task.outputs else None)
        else:
            start = perf_counter()
            task.run()
            answer((perf_counter() - start) / task.share)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
