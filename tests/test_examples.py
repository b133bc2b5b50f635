"""Every program of the articles runs, arrives where its page says, and draws figures that say what is seen."""

import re
import runpy
from pathlib import Path

import pytest

plt = pytest.importorskip("matplotlib.pyplot")

EXAMPLES = Path(__file__).parent.parent / "examples"
# What each prints, whatever the machine and the last digits, and how many figures it draws.
ARRIVES = {
    "article1_perceptron.py": (r"weights\t:\[0.1, 0.2\]\nbias\t:-0.200000\n1 and 1 = 1", 3),
    "article2_linear_unit.py": (r"Work 3.4 years, monthly salary = 3907.30.*(as above: True.*){2}", 3),
    "article3_digits.py": (r"outputs: (0e\+00|\de-1\d)\n.*epoch 3: \S+ s, error ratio 0.02\d\d\n", 4),
    "article4_lenet5.py": (r"5000 samples, \S+ s: 9\d.\d% of.*an epoch, \S+ s: 9[78].\d% of all", 6),
    "article5_recurrent.py": (r"step 2000: wanted \+0.8, got \+0.8.*softmax [^:]*: \[0.03 0.09 0.24 0.64\]", 3),
    "article6_lstm_gru.py": (
        r"LSTM, forget bias 3    8.2e-01   3.8e-01   3.4e-01   3.1e-01   3.4e-01.*"
        r"(\w+: mean error over the first 100 sequences 0.[45]\d\d, the last 0.0[01]\d\n){2}",
        3,
    ),
    "article7_recursive.py": (r"step 300: \(two schools'\) students \+0.800, two \(schools' students\) -0.800", 4),
}


def test_none_is_left_out():
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(ARRIVES)


@pytest.mark.parametrize("name", ARRIVES)
def test_example(name, capsys, monkeypatch):
    described = []

    def show():
        for number in plt.get_fignums():
            figure = plt.figure(number)
            figure.canvas.draw()
            described.append(figure.get_label())
            assert any(axes.has_data() for axes in figure.axes)
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)
    plt.switch_backend("agg")
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    printed, figures = ARRIVES[name]
    assert re.search(printed, capsys.readouterr().out, re.DOTALL)
    assert not plt.get_fignums(), "a figure is not shown"
    assert len(described) == len(set(described)) == figures
    assert all(len(text) > 30 for text in described)
