"""``python -m bench.language FILE``: train the default recipe of each cell on a text, and write language.json."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import date
from pathlib import Path

from fastdl.cli import main

from .__main__ import machine

HERE = Path(__file__).parent
CELLS = ("lstm", "gru", "rnn", "transformer")


def run(text: str, cell: str) -> list[dict[str, float]]:
    """Return the figures of every epoch: seconds of training so far, and the losses in nats a character."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        if main(["train", "lm", "--text", text, "--cell", cell, "--log", str(log)]) != 0:
            raise SystemExit(1)
        epochs = [json.loads(line) for line in log.read_text().splitlines()]
    seconds = 0.0
    for epoch in epochs:
        seconds += epoch["seconds"]
        epoch["seconds"] = round(seconds, 1)
    return [{name: epoch[name] for name in ("seconds", "loss", "val_loss")} for epoch in epochs]


def draw(runs: dict[str, list[dict[str, float]]]) -> None:
    """Draw language.png."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.subplots()
    for cell, epochs in runs.items():
        axes.plot(
            [e["seconds"] for e in epochs],
            [e["val_loss"] for e in epochs],
            marker=".",
            label=cell.upper() if len(cell) < 5 else cell,
        )
    axes.set(xlabel="seconds of training, two cores", ylabel="held-out loss, nats a character")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(HERE / "language.png", dpi=110)


if __name__ == "__main__":
    (path,) = sys.argv[1:]
    where = machine()
    found = {
        "text": (
            f"The default recipe of `fastdl train lm` on the 1,115,394 characters of tinyshakespeare, the last tenth "
            f"held out: losses in nats a character after so many seconds of training. Measured on {date.today()} "
            f"at commit {where['commit']}: {where['cpu']}, {where['cores']} cores."
        ),
        "runs": {cell: run(path, cell) for cell in CELLS},
    }
    (HERE / "language.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found["runs"])
