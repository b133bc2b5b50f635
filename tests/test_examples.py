"""Every example runs, and arrives where its output in examples/README.md says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastdl

EXAMPLES = Path(__file__).parent.parent / "examples"
# What each prints, whatever the machine and the last digits.
ARRIVES = {
    "article1_perceptron.py": "weights\t:[0.1, 0.2]\nbias\t:-0.200000\n1 and 1 = 1",
    "article2_linear_unit.py": "Work 3.4 years, monthly salary = 3907.30",
    "article3_digits.py": "error ratio 0.02",
    "article4_lenet5.py": "6000 samples",
    "article5_recurrent.py": "step 2000: wanted +0.8, got +0.8",
    "article6_lstm_gru.py": "GruLayer: mean error over the first 100 sequences",
    "article6_vanishing_gradient.py": "LSTM, forget bias 3    8.2e-01   3.8e-01   3.4e-01   3.1e-01   3.4e-01",
    "article7_recursive.py": "step 300: (two schools') students +0.800, two (schools' students) -0.800",
}


def test_none_is_left_out():
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(ARRIVES)


@pytest.mark.parametrize("name", ARRIVES)
def test_example(name, tmp_path):
    package = Path(fastdl.__file__).parent.parent
    environment = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, EXAMPLES / name], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert ARRIVES[name] in done.stdout
    if name == "article4_lenet5.py":
        assert float(done.stdout.split()[-6].rstrip("%")) > 90
    if name == "article6_lstm_gru.py":
        assert all(float(line.split()[-1]) < 0.02 for line in done.stdout.splitlines()[-2:])
