"""Sweeps by joblib, Dask and Ray, with real workers, as docs/clusters.md has them; and workers that are killed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from pathlib import Path

import pytest

import fastdl
from fastdl._processors import usable_processors

ROOT = Path(fastdl.__file__).parent.parent
PAGE = (Path(__file__).parent.parent / "docs" / "clusters.md").read_text(encoding="utf-8")
COMMON, JOBLIB, DASK, RAY, TRAIN = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

pytest.importorskip("sklearn")
pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")

# What workers run besides: a training that kills its worker in its third epoch, unless it goes on from another attempt.
KILLED = """
import json, signal

def tell(what):  # to a file, as Ray prints what it pleases
    with open("told", "a") as file:
        print(json.dumps(what), file=file)

class Kill(callbacks.Callback):
    def on_fit_begin(self, net, epochs, samples):
        self.is_first = net.training_state.epochs == 0

    def on_batch_block(self, net, done, total, logs):
        if self.is_first and logs["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGKILL)

class Threads(callbacks.Callback):
    def on_epoch_end(self, net, epoch, logs):
        self.count = fastdl.get_num_threads()

def killed(rate, path):
    return train(rate, path, [Kill()])

def threads(name):
    count = Threads()
    train(0.01, name, [count])
    return count.count
"""

MORE = {
    "joblib": """
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError
        jobs = [delayed(killed)(0.01, "killed"), delayed(train)(0.001, "other")]
        try:
            Parallel(n_jobs=2)(jobs)
        except TerminatedWorkerError as error:
            tell(str(error))
        first = fastdl.load("killed.npz").training_state.epochs
        Parallel(n_jobs=2)(jobs)
        tell([first, Parallel(n_jobs=2)(delayed(threads)(f"threads-{k}") for k in range(2))])
    """,
    "dask": """
            from distributed import KilledWorker
            calls = (killed, 0.01, "killed"), (train, 0.001, "other")
            client.gather([client.submit(*call, pure=False) for call in calls])
            tell(client.gather(client.map(threads, ["threads-0", "threads-1"])))
            cluster.scheduler.allowed_failures = 0
            try:
                client.submit(killed, 0.01, "again").result()
            except KilledWorker:
                tell(fastdl.load("again.npz").training_state.epochs)
    """,
    "ray": """
        jobs = [ray.remote(killed).remote(0.01, "killed"), ray.remote(train).remote(0.001, "other")]
        ray.get(jobs)
        counts = [ray.remote(num_cpus=n)(threads).remote(f"threads-{n}") for n in (1, 2)]
        tell(ray.get(counts))
        try:
            ray.get(ray.remote(max_retries=0)(killed).remote(0.01, "again"))
        except ray.exceptions.WorkerCrashedError:
            tell(fastdl.load("again.npz").training_state.epochs)
    """,
}


def processes_with(mark):
    """Return the processes that have a mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # which has ended, or is another's
            continue
    return found


def run(tool, block, folder):
    """Run a program of the page, and what is added to it; give what it prints and tells once nothing of it is left."""
    script, mark, short = folder / "sweep.py", uuid.uuid4().hex, tempfile.mkdtemp(prefix="r")
    script.write_text(COMMON + TRAIN + KILLED + block + textwrap.indent(textwrap.dedent(MORE[tool]), " " * DEPTH[tool]))
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment |= {
        "MARK": mark, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": short, "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, cwd=folder, env=environment, timeout=300
        )
        assert done.returncode == 0, done.stderr[-3000:]
        end = time.monotonic() + 20
        while (left := processes_with(mark)) and time.monotonic() < end:
            time.sleep(0.1)
        assert not left
    finally:
        for process in processes_with(mark):
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(short, ignore_errors=True)
    return done.stdout, rows_of(folder / "told")


DEPTH = {"joblib": 4, "dask": 8, "ray": 4}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What the program gives in this process, and a training that nobody kills."""
    path, names = tmp_path_factory.mktemp("alone"), {}
    exec(COMMON + TRAIN, names)
    names["search"].fit(names["x"], names["y"])
    for name, rate in (("killed", 0.01), ("other", 0.001)):
        names["train"](rate, path / name)
    return str(names["search"].best_params_), path


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("tool", "block"), [("joblib", JOBLIB), ("dask", DASK), ("ray", RAY)])
def test_a_sweep(tool, block, alone, tmp_path):
    """It finds what one process does; a killed worker's training goes on after its last epoch, to the bit."""
    pytest.importorskip({"dask": "distributed"}.get(tool, tool))
    printed, told = run(tool, block, tmp_path)
    best, without = alone
    assert best in printed.splitlines()
    assert f"print(search.best_params_)  # {best}\n" in block
    if tool == "joblib":
        message, counted = told
        assert "worker process managed by the executor was unexpectedly terminated" in message
        assert counted == [2, [max(1, usable_processors() // 2)] * 2]
    else:
        assert told == [[1, 2] if tool == "ray" else [1, 1], 2]
    for name in ("killed", "other"):
        net, whole = fastdl.load(tmp_path / f"{name}.npz"), fastdl.load(without / f"{name}.npz")
        assert (net.parameters == whole.parameters).all()
        assert (net.training_state.moments == whole.training_state.moments).all()
        rows, others = (rows_of(folder / f"{name}.jsonl") for folder in (tmp_path, without))
        assert [(row["epoch"], row["loss"]) for row in rows] == [(row["epoch"], row["loss"]) for row in others]
