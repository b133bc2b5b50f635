"""Training on several ranks that a real mpiexec starts, and their ends."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_machines import CASES, OF_X, TOLERANCE, dense, fitted

import fastdl

pytest.importorskip("mpi4py")
HERE = Path(__file__).parent
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec")
# As root, which Open MPI minds, and on fewer processors than there are ranks.
ENVIRONMENT = os.environ | {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PYTHONUNBUFFERED": "1",
}
SECONDS = 60  # that a run may take on a busy machine; a hang takes more


def start(count, *command):
    command = [MPIEXEC, "-n", str(count), "--bind-to", "none", sys.executable, *map(str, command)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)


def finish(process):
    """Return its exit code and what it printed."""
    try:
        out, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        pytest.fail(f"hangs: {process.communicate()[0]}")
    return process.returncode, out


def run(count, *command):
    return finish(start(count, *command))


@pytest.mark.parametrize("count", [2, 3])
def test_ranks_train_as_one_process_does(count, tmp_path):
    code, out = run(count, HERE / "mpi_program.py", "train", tmp_path)
    assert code == 0, out
    names = sorted(path.stem for path in tmp_path.iterdir())
    assert len(names) == 8
    for name in names:
        net, figures = fitted(*CASES[name])
        one = [*net.parameters, *figures["loss"], *figures.get("accuracy", [])]
        assert np.allclose(np.load(tmp_path / f"{name}.npy"), one, rtol=0, atol=TOLERANCE)


def test_a_killed_rank_ends_all_and_the_run_goes_on_with_others(tmp_path):
    code, _ = run(2, HERE / "mpi_program.py", "die", tmp_path)
    assert code != 0
    code, out = run(3, HERE / "mpi_program.py", "resume", tmp_path)
    assert code == 0, out
    done, *parameters = np.load(tmp_path / "resumed.npy")
    assert done in (2, 3)  # as the file of the epoch may have been written or not
    whole, _ = fitted(dense, OF_X, epochs=6)
    assert np.allclose(parameters, whole.parameters, rtol=0, atol=TOLERANCE)


def test_an_error_on_one_rank_is_told_on_all(tmp_path):
    code, out = run(2, HERE / "mpi_program.py", "fail", tmp_path)
    assert code != 0
    assert "ZeroDivisionError: on purpose" in out


def test_an_interrupt_on_one_rank_leaves_the_same_whole_steps_on_all(tmp_path):
    code, out = run(2, HERE / "mpi_program.py", "interrupt", tmp_path)
    assert code == 0, out
    assert "interrupted together" in out


def test_other_data_on_one_rank(tmp_path):
    code, out = run(3, HERE / "mpi_program.py", "differ", tmp_path)
    assert code != 0
    assert "ValueError: all ranks must have the same x, y or weights; rank 1 has another than rank 0" in out


LM = ["--units", "8", "--batch-size", "4", "--window", "8", "--show", "0", "--threads", "1"]


def test_the_command_is_interrupted_and_goes_on_with_another_number(tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat, and the dog sat on the cat. " * 40)
    text, network, log = ["--text", tmp_path / "text.txt"], tmp_path / "lm.npz", tmp_path / "log.jsonl"
    process = start(2, "-m", "fastdl", "train", "lm", *text, *LM, "--epochs", "100000", "--save", network, "--log", log)
    deadline = time.monotonic() + SECONDS
    while not network.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, out = finish(process)
    assert code != 0
    printed = [int(number) for number in re.findall(r"^epoch (\d+)/", out, re.MULTILINE)]
    assert printed == list(range(1, len(printed) + 1))  # by one of them alone
    done = fastdl.load(network).notes["run"]["epochs"]
    assert done >= 1
    code, out = run(3, "-m", "fastdl", "train", "lm", *text, "--resume", network, "--epochs", done + 2, "--show", "0",
                    "--threads", "1")  # fmt: skip
    assert code == 0, out
    assert fastdl.load(network).notes["run"]["epochs"] == done + 2
    assert out.count("epoch ") == 2


def test_a_mistake_on_one_rank_ends_the_command(tmp_path):
    code, out = run(2, "-m", "fastdl", "train", "mlp", "--save", tmp_path / "nowhere" / "net.npz")
    assert code == 2
    assert "--save must name a file that can be written" in out


def test_the_program_of_the_page(tmp_path, monkeypatch):
    page = (HERE.parent / "docs" / "many-machines.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "train.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    code, out = run(2, "-m", "mpi4py", "train.py")
    assert code == 0, out
    assert re.findall(r"^epoch +(\d)", out, re.MULTILINE) == list("12345")
    assert fastdl.load("run.npz").training_state.epochs == 5
