"""Processes killed while they save and train: `python tests/kill.py SAVES TRAININGS`, so many of each.

After each kill the file must be there, whole: of a save, all parameters of one step; of a training, what goes on with
--resume to the very bits of a training that nobody killed.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fastdl
from fastdl import Sequential, layers

_FASTDL = [sys.executable, "-m", "fastdl"]
_TEXT = "the cat sat on the mat, and the dog sat on the cat. " * 40
_EPOCHS = 12
_SMALL = [
    "--units",
    "8",
    "--batch-size",
    "4",
    "--window",
    "8",
    "--show",
    "0",
    "--threads",
    "1",
    "--epochs",
    f"{_EPOCHS}",
]


def save_for_ever(path):
    """Save networks of one number each, another one each time."""
    net = Sequential([layers.Dense(300)], input_shape=300)
    number = 0
    while True:
        number += 1
        net.parameters[...] = number
        net.save(path)


def kill_saves(count, folder, rng):
    """Return how many kills left a file beside."""
    path, left = Path(folder) / "net.npz", 0
    for _ in range(count):
        saver = subprocess.Popen([sys.executable, __file__, "save", str(path)])
        _wait_for(saver, path)
        time.sleep(rng.uniform(0, 0.02))
        saver.kill()
        assert saver.wait() == -9
        parameters = fastdl.load(path).parameters
        assert (parameters == parameters[0]).all()
        left += len(os.listdir(folder)) - 1
    Sequential([layers.Dense(1)], input_shape=1).save(path)
    assert os.listdir(folder) == ["net.npz"]
    return left


def kill_trainings(count, folder, rng):
    """Return how many trainings came to their end, of as many kills as were asked for."""
    text, run, log = (Path(folder) / name for name in ("text", "run.npz", "log"))
    text.write_text(_TEXT)
    start = [*_FASTDL, "train", "lm", "--text", str(text), *_SMALL]
    subprocess.run([*start, "--save", str(Path(folder) / "whole.npz")], check=True, stdout=subprocess.DEVNULL)
    whole, ended, kills = fastdl.load(Path(folder) / "whole.npz"), 0, 0
    while kills < count or run.exists():
        command = [*_FASTDL, "train", "lm", "--resume", str(run)] if run.exists() else [*start, "--save", str(run)]
        training = subprocess.Popen([*command, "--log", str(log)], stdout=subprocess.DEVNULL)
        if kills < count:
            _wait_for(training, run)
            time.sleep(rng.uniform(0, 0.05))
            training.kill()
        kills += training.wait() != 0
        assert training.returncode in (0, -9)
        if run.exists():
            again = fastdl.load(run)
            if again.notes["run"]["epochs"] == _EPOCHS:
                assert again.parameters.tobytes() == whole.parameters.tobytes()
                assert again.training_state.moments.tobytes() == whole.training_state.moments.tobytes()
                ended += 1
                run.unlink()
    assert sorted(os.listdir(folder)) == ["log", "text", "whole.npz"]
    return ended


def _wait_for(process, path):
    """Wait until a process has written a file once more, or has ended."""
    before = path.stat().st_mtime_ns if path.exists() else None
    while process.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
        time.sleep(0.001)


def main(saves, trainings, seed=0):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        left = kill_saves(saves, folder, rng)
    with tempfile.TemporaryDirectory() as folder:
        ended = kill_trainings(trainings, folder, rng)
    print(f"{saves} saves killed, of which {left} left a file that the next one removed; {trainings} trainings killed, "
          f"and {ended} resumed to their end: no file was unreadable, and no bit another")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["save"]:
        save_for_ever(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
