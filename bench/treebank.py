"""``python -m bench.treebank DIR``: train the sentiment recipes and the parser over five seeds; write treebank.json.

DIR holds train.txt, dev.txt and test.txt of the Stanford Sentiment Treebank. Networks are chosen on dev, by their best
epoch, and measured on test.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import fastdl
from fastdl.cli import main
from fastdl.cli.parser import treebank
from fastdl.cli.sentiment import accuracies
from fastdl.datasets import Trees, Vocabulary
from fastdl.trees.parsing import balanced, bracket_f1, parse, right_branching

from .__main__ import machine

SEEDS = 5
COMPOSITIONS = ("matrix", "tensor", "lstm")
BEAM = 16


def trained(folder: str, *arguments: str) -> tuple[fastdl.Sequential, Vocabulary, float]:
    """Run a command, and give the network, its vocabulary, and how many seconds it took."""
    saved, start = str(Path(folder, "net.npz")), perf_counter()
    if main(["train", *arguments, "--save", saved]) != 0:
        raise SystemExit(1)
    net = fastdl.load(saved)
    return net, Vocabulary(net.notes["vocabulary"], True), perf_counter() - start


def sentiment(trees: str, test: Trees, composition: str, folder: str) -> dict[str, list[float]]:
    """Return test accuracies of each seed: five labels of all nodes and roots, positive or negative likewise."""
    found: dict[str, list[float]] = {"all": [], "roots": [], "binary_all": [], "binary_roots": [], "seconds": []}
    for seed in range(SEEDS):
        arguments = ("sentiment", "--trees", trees, "--composition", composition, "--seed", str(seed))
        net, vocabulary, seconds = trained(folder, *arguments)
        pairs = accuracies(net, test, test.encode(vocabulary))
        for name, value in zip(found, [*pairs[0], *pairs[1], seconds], strict=True):
            found[name].append(round(value, 4))
    return found


def parser(options: list[str], test: Trees, folder: str) -> dict[str, list[float]]:
    """Return test F1 of each seed, and of the baselines."""
    sentences = test.sentences()
    found: dict[str, list[float]] = {"greedy": [], "beam": [], "seconds": []}
    for seed in range(SEEDS):
        net, vocabulary, seconds = trained(folder, "parser", *options, "--seed", str(seed))
        greedy, beam = (bracket_f1(parse(net, vocabulary, sentences, beam=b), test) for b in (1, BEAM))
        for name, value in zip(found, (greedy, beam, seconds), strict=True):
            found[name].append(round(value, 4))
    found["right-branching"] = [round(bracket_f1(right_branching(sentences), test), 4)]
    found["balanced"] = [round(bracket_f1(balanced(sentences), test), 4)]
    return found


if __name__ == "__main__":
    (path,) = sys.argv[1:]
    held_out = treebank(path)[2]
    where = machine()
    with tempfile.TemporaryDirectory() as scratch:
        results = {
            "when": f"{date.today()} at commit {where['commit']}: {where['cpu']}, {where['cores']} cores",
            "sentiment": {c: sentiment(path, held_out, c, scratch) for c in COMPOSITIONS},
            "parser": {
                "treebank": parser(["--trees", path], held_out, scratch),
                "expressions": parser([], treebank(None)[2], scratch),
            },
        }
    Path(__file__).with_name("treebank.json").write_text(json.dumps(results, indent=1) + "\n")
