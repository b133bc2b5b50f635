"""The commands for trees, as their user sees them."""

import json
import re

import numpy as np
import pytest

import fastdl.cli.parser
import fastdl.cli.sentiment
from fastdl import cli, models
from fastdl.callbacks import PrintEpochs
from fastdl.cli import main
from fastdl.cli.sentiment import accuracies

GOOD, BAD = ("good", "great", "fine"), ("bad", "awful", "poor")


def labelled(rng):
    """A sentence with its sentiment, which ``not`` turns round."""
    label = int(rng.integers(2))
    word = rng.choice((BAD, GOOD)[label])
    tree = f"({3 * label + 1 - label} {word})" if rng.random() < 0.5 else None
    value = (1, 3)[label]
    if tree is None:
        tree, value = f"({4 - value} (2 not) ({value} {word}))", 4 - value
    return f"({value} (2 (2 a) (2 film)) ({value} (2 is) {tree}))"


@pytest.fixture(scope="module")
def treebank(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("trees"), np.random.default_rng(0)
    for name, count in (("train", 300), ("dev", 40), ("test", 60)):
        (folder / f"{name}.txt").write_text("\n".join(labelled(rng) for _ in range(count)))
    return folder


@pytest.fixture(scope="module")
def sentiment(treebank):
    saved = treebank / "sentiment.npz"
    log = treebank / "log.jsonl"
    options = ["--trees", str(treebank), "--units", "12", "--epochs", "30", "--lr", "0.02", "--threads", "2"]
    assert main(["train", "sentiment", *options, "--save", str(saved), "--log", str(log)]) == 0
    return saved, log


@pytest.fixture(scope="module")
def parser(treebank):
    saved = treebank / "parser.npz"
    options = ["--trees", str(treebank), "--units", "12", "--epochs", "4", "--lr", "0.01", "--beam", "2"]
    assert main(["train", "parser", *options, "--save", str(saved)]) == 0
    return saved


def test_train_sentiment(treebank, sentiment, capsys):
    saved, log = sentiment
    epochs = [json.loads(line) for line in log.read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, len(epochs) + 1))
    names = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_roots", "seconds", "lr"}
    assert all(set(epoch) == names for epoch in epochs)
    assert max(epoch["val_roots"] for epoch in epochs) > 0.9
    net = fastdl.load(saved)
    assert net.notes["labels"] == ["0", "1", "2", "3"]
    options = ["--trees", str(treebank), "--epochs", "1", "--composition"]
    for composition in ("matrix", "tensor", "lstm"):
        assert main(["train", "sentiment", *options, composition, "--units", "5"]) == 0
        out = capsys.readouterr().out.splitlines()
        assert out[0].startswith(f"{composition}: ")
        assert "300 trees of" in out[0]
        assert out[-1].startswith("4 labels")


class Says:
    """Gives these logits."""

    def __init__(self, logits):
        self.logits = np.array(logits, float)

    def predict(self, ids, trees):
        return self.logits


def test_accuracies():
    """Nodes without a label do not count; of positive and negative, neutral ones neither, nor what is said for them."""
    trees = fastdl.datasets.Trees.parse("(4 (2 a) (@ b)) (0 (1 c) (3 d))")  # nodes: 2 @ 4, 1 3 0
    logits = [
        [0, 0, 9, 0, 0],  # neutral, as it is
        [0, 0, 0, 0, 9],
        [0, 1, 9, 2, 3],  # 4 is called neutral, and rather positive than negative
        [0, 9, 8, 8, 8.5],  # 1, and negative
        [1, 9, 0, 0, 0],  # 3 is called 1
        [9, 0, 0, 0, 0],
    ]
    net = Says(logits)
    assert accuracies(net, trees, None) == [(3 / 5, 1 / 2), (3 / 4, 2 / 2)]
    assert accuracies(Says(np.delete(logits, 2, axis=1)), trees.with_labels([0, -1, 3, 1, 2, 0]), None)[1:] == []


def test_patience_and_figures(treebank, tmp_path):
    log, saved = tmp_path / "log.jsonl", tmp_path / "net.npz"
    options = ["--trees", str(treebank), "--units", "4", "--epochs", "9", "--lr", "1e-30", "--log", str(log)]
    assert main(["train", "sentiment", *options, "--patience", "2", "--save", str(saved)]) == 0
    epochs = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(epochs) == 3  # at such a rate none is better than the first
    net, dev = fastdl.load(saved), fastdl.datasets.read_trees(treebank / "dev.txt", names=list("01234")).binarize()
    ids = dev.encode(fastdl.datasets.Vocabulary(net.notes["vocabulary"], True))
    figures = epochs[0]["val_accuracy"], epochs[0]["val_roots"]
    assert figures[0] != figures[1]
    assert accuracies(net, dev, ids)[0] == pytest.approx(figures)


def test_what_is_tested_on_is_not_trained_on(monkeypatch):
    trees = fastdl.datasets.expression_trees(50)
    monkeypatch.setattr(cli.parser, "expression_trees", lambda: trees)
    parts = [part.brackets() for part in cli.parser.treebank(None)]
    assert [len(part) for part in parts] == [40, 5, 5]
    assert sorted(tree for part in parts for tree in part) == sorted(trees.brackets())


def test_positive_and_negative(treebank, tmp_path, capsys):
    for name in ("train", "dev", "test"):
        text = (treebank / f"{name}.txt").read_text()
        (tmp_path / f"{name}.txt").write_text(text + "\n(4 (4 superb) (2 !))\n(0 (0 worst) (2 .))\n")
    assert (
        main(["train", "sentiment", "--trees", str(tmp_path), "--units", "12", "--epochs", "30", "--lr", "0.02"]) == 0
    )
    out = capsys.readouterr().out.splitlines()
    assert out[-2].startswith("5 labels")
    assert out[-1].startswith("positive or negative")
    assert float(out[-1].split()[-1].rstrip("%")) > 90


def test_predict_sentiment(treebank, sentiment, parser, tmp_path, capsys):
    model = str(sentiment[0])
    picture = tmp_path / "tree.svg"
    pytest.importorskip("matplotlib")
    bracket = "(2 (2 (2 a) (2 film)) (2 (2 is) (2 (2 not) (2 good))))"
    assert main(["predict", model, "--trees", bracket, "--picture", str(picture)]) == 0
    first = capsys.readouterr().out
    assert first.startswith("(1)\n├─ (2)\n│  ├─ (2) a\n│  └─ (2) film\n")
    assert "└─ (3) good" in first
    assert main(["predict", model, "a film is great"]) == 0
    second = capsys.readouterr().out
    assert re.fullmatch(r"\(.\)\n├─ \(2\) a\n└─ \(.\)\n   ├─ \(2\) film\n   └─ (.|\n)*\(3\) great\n", second)
    assert picture.read_text().count("<svg") == 1
    assert main(["predict", model, "--parser", str(parser), "a film is not awful"]) == 0
    assert capsys.readouterr().out.startswith("(3)\n├─ (2)\n│  ├─ (2) a\n│  └─ (2) film\n")
    assert main(["predict", model, "--trees", str(treebank / "dev.txt")]) == 0
    assert capsys.readouterr().out.count("\n\n") == 39


def leaves(drawing):
    """The words of a drawn tree, from top to bottom."""
    return [line.split(") ", 1)[1] for line in drawing.splitlines() if ") " in line]


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("(good) a film", "( good ) a film"),
        ("(a film", "( a film"),
        ("(a film) is good", "( a film ) is good"),
        ("(2 films)", "( 2 films )"),
        ("((really (very bad)))", "( ( really ( very bad ) ) )"),
        ("(a film isn’t)", "( a film is n't )"),  # noqa: RUF001
    ],
)
def test_sentences_that_begin_with_a_bracket(sentiment, parser, tmp_path, sentence, words, capsys):
    path = tmp_path / "sentences.txt"
    path.write_text(f"{sentence}\n\na film\n", encoding="utf-8")
    model = str(sentiment[0])
    for options in ([], ["--parser", str(parser)]):
        assert main(["predict", model, sentence, *options]) == 0
        assert leaves(capsys.readouterr().out) == words.split()
        assert main(["predict", model, str(path), *options]) == 0
        assert leaves(capsys.readouterr().out) == [*words.split(), "a", "film"]
    assert main(["parse", str(parser), str(path)]) == 0
    assert capsys.readouterr().out.endswith("(@ (@ a) (@ film))\n·\n├─ a\n└─ film\n")


def test_unknown_words_are_told(treebank, sentiment, parser, capsys):
    model, parser = str(sentiment[0]), str(parser)
    told = "fastdl: the input has words that {} does not know: {}\n"
    for arguments, error in (
        (["predict", model, "a good film", "is a film"], ""),
        (["predict", model, "a droll film, droll", "wry"], told.format(model, "'droll', ',', 'wry'")),
        (["predict", model, "--trees", "(2 (2 a) (2 wry))"], told.format(model, "'wry'")),
        (["predict", model, "wry", "--parser", parser], told.format(parser, "'wry'") + told.format(model, "'wry'")),
        (["parse", parser, "a wry film", "film"], told.format(parser, "'wry'")),
        (
            ["parse", parser, " ".join(f"w{i}" for i in range(1500))],
            told.format(parser, ", ".join(f"'w{i}'" for i in range(20)) + " and 1,480 more"),
        ),
    ):
        assert main(arguments) == 0
        assert capsys.readouterr().err == error


PENN = """
( (S (NP-SBJ (NNP Ms.) (NNP Haag)) (VP (VBZ plays) (NP (NNP Elianti))) (. .)) )
(TOP (S (NP-SBJ-1 (PRP He)) (VP (VBZ seems) (S (NP-SBJ (-NONE- *-1)) (VP (TO to) (VP (VB go))))) (. .)))
((FRAG (ADVP (RB Not)) (NP-TMP (DT this) (NN year)) (: --) (-LRB- -LRB-) (CC and\\/or) (-RRB- -RRB-)))
(X (SYM *))
"""


def test_a_treebank_of_syntax(tmp_path, capsys):
    for name, label in (("train", "NP"), ("dev", "NP-12"), ("test", "WHPP-3")):
        (tmp_path / f"{name}.txt").write_text(PENN.replace("NP-TMP", label))
    saved = str(tmp_path / "parser.npz")
    command = ["--trees", str(tmp_path), "--units", "6", "--epochs", "2", "--save", saved]
    assert main(["train", "parser", *command]) == 0
    assert "4 trees of 32 nodes" in capsys.readouterr().out
    assert "*-1" not in fastdl.load(saved).notes["vocabulary"]
    assert main(["train", "sentiment", *command]) == 2
    assert re.search(r"dev.txt:4:24: label must be one of -LRB-, .*; it is NP-12\n", capsys.readouterr().err)
    for name in ("dev", "test"):  # a label that no node keeps
        (tmp_path / f"{name}.txt").write_text(PENN.replace("(NP-TMP", "(NP").replace("(RB Not)", "(RB-9 Not)"))
    assert main(["train", "sentiment", *command]) == 0


def test_a_label_of_dev_that_train_has_not(tmp_path, capsys):
    for name, label in (("train", 2), ("dev", 7), ("test", 2)):
        (tmp_path / f"{name}.txt").write_text(f"(1 (0 a) (1 b))\n({label} (0 a) (1 b))\n")
    assert main(["train", "sentiment", "--trees", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("dev.txt:2:1: label must be one of 0, 1, 2; it is 7\n")


def test_train_parser_on_expressions(tmp_path, capsys, monkeypatch):
    trees = fastdl.datasets.expression_trees(400)
    monkeypatch.setattr(cli.parser, "expression_trees", lambda: trees)
    saved = tmp_path / "parser.npz"
    options = ["--units", "16", "--epochs", "5", "--lr", "0.01", "--save", str(saved)]
    assert main(["train", "parser", *options]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "320 trees of" in out[0]
    assert out[1].startswith("epoch 1  loss ")
    figures = dict((line[:16].strip(), float(line[16:].rstrip("%"))) for line in out[-4:])
    assert set(figures) == {"greedy", "beam of 16", "right-branching", "balanced"}
    assert figures["greedy"] > max(figures["right-branching"], figures["balanced"]) + 15
    assert main(["parse", str(saved), "self.x", "a", "--beam", "2"]) == 0
    assert capsys.readouterr().out.startswith("(@ (@ self) (@ (@ .) (@ x)))\n·\n")
    assert main(["parse", str(saved), "f(y"]) == 2
    told = capsys.readouterr().err
    assert "a sentence: source must be an expression of Python; " in told
    assert "(" not in told.partition("Python; ")[2]
    (tmp_path / "lines.py").write_text("self.x\n\nf(y\n")
    assert main(["parse", str(saved), str(tmp_path / "lines.py")]) == 2
    assert "lines.py:3: source must be an expression of Python" in capsys.readouterr().err


def test_parse(parser, tmp_path, capsys):
    assert main(["parse", str(parser), "a film is not bad", "film"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "(@ (@ (@ a) (@ film)) (@ (@ is) (@ (@ not) (@ bad))))",
        "·", "├─ ·", "│  ├─ a", "│  └─ film", "└─ ·", "   ├─ is", "   └─ ·", "      ├─ not", "      └─ bad",
        "(@ film)", "film",
    ]  # fmt: skip
    pytest.importorskip("matplotlib")
    assert main(["parse", str(parser), "a film", "--picture", str(tmp_path / "tree.png")]) == 0
    assert (tmp_path / "tree.png").read_bytes().startswith(b"\x89PNG")


def test_options_of_several_sentences(sentiment, parser, monkeypatch, capsys):
    drawn, beams = [], []
    for module in (cli.sentiment, cli.parser):
        monkeypatch.setattr(module, "save_picture", lambda tree, path: drawn.append((tree.sentences(), path)))
    parse = cli.trees.parse
    monkeypatch.setattr(cli.trees, "parse", lambda *given, beam: beams.append(beam) or parse(*given, beam=beam))
    assert main(["predict", str(sentiment[0]), "a film", "a good film", "--picture", "tree.svg"]) == 0
    assert main(["parse", str(parser), "a film", "a good film", "--picture", "tree.svg", "--beam", "3"]) == 0
    assert drawn == [([["a", "film"]], "tree.svg")] * 2
    assert beams == [3, 3]


def test_mistakes(treebank, sentiment, parser, tmp_path, capsys):
    models.mlp((4, 2)).save(tmp_path / "mlp.npz")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/train.txt").write_text("(1 (2 a)\n")
    (tmp_path / "one").mkdir()
    for name in ("train", "dev", "test"):
        (tmp_path / f"one/{name}.txt").write_text("(@ (@ a) (@ b))")
    (tmp_path / "blank.txt").write_text(" \n\n")
    model = str(sentiment[0])
    train = ["train", "sentiment", "--trees", str(treebank)]
    for arguments, message in (
        (["train", "sentiment", "--trees", "nowhere"], "No such file or directory: 'nowhere/train.txt'"),
        (["train", "sentiment", "--trees", str(tmp_path / "broken")], "train.txt:1:1: this bracket is never closed"),
        (["train", "sentiment", "--trees", str(tmp_path / "one")], "--trees must have nodes of at least 2 labels"),
        ([*train, "--units", "0"], "--units must be at least 1; received 0"),
        ([*train, "--patience", "0"], "--patience must be at least 1; received 0"),
        ([*train, "--save", "/dev/null"], "--save must name a file"),
        ([*train, "--save", str(treebank / "dev.txt")], "--save must be another file than those that are read"),
        ([*train, "--log", str(treebank / "dev.txt")], "--log must be another file than those that are read"),
        (["predict", model, "a film", "--picture", model], "--picture must be another file than those that are read"),
        (["parse", str(parser), "a", "--picture", str(parser)], "--picture must be another file than those that"),
        (["train", "parser", "--trees", str(treebank), "--penalty", "-1"], "penalty must be a finite number"),
        (["train", "parser", "--trees", str(tmp_path / "one")], "--trees must hold a sentence of three words"),
        (["predict", model, "--trees", "(2 a"], "the tree:1:1: this bracket is never closed"),
        (["predict", str(tmp_path / "mlp.npz"), "a", "--trees"], "--trees is for networks of trees"),
        (["predict", model, "--trees", "a film"], "the tree:1:1: 'a' must stand in brackets"),
        (["predict", model, "--trees", "(2 a)", "--parser", str(parser)], "--parser must be left out with --trees"),
        (["predict", model, "(2 (2 a) (2 film))"], "INPUT must be sentences, unless --trees says that it is trees"),
        (["predict", model, str(treebank / "dev.txt")], "INPUT must be sentences, unless --trees says that it is"),
        (["predict", model, str(tmp_path / "blank.txt")], "blank.txt must hold a sentence a line; it holds none"),
        (["parse", str(parser), str(tmp_path / "blank.txt")], "blank.txt must hold a sentence a line; it holds none"),
        (["predict", model, " "], "a sentence must have a word; received none"),
        (["predict", model, "a", "--parser", model], "must be what train parser --save wrote; net must be a parser"),
        (["predict", str(parser), "a"], "must be what train sentiment --save wrote"),
        (["predict", str(tmp_path / "mlp.npz"), "a"], "must be a network of grey or colour images"),
        (["parse", model, "a film"], "must be what train parser --save wrote"),
        (["parse", str(tmp_path / "mlp.npz"), "a film"], "must be what train parser --save wrote; it is another"),
        (["parse", str(parser), "a film", "--picture", "no/a.svg"], "--picture must name a file that can be written"),
        (["predict", model, "a film", "--picture", "no/a.svg"], "--picture must name a file that can be written"),
        (["parse", str(parser), "a film", "--beam", "0"], "--beam must be at least 1; received 0"),
        (
            ["parse", str(parser), "a film", "--beam", "99999999999"],
            "--beam must be at most 1024; received 99999999999",
        ),
        (["parse", "nowhere", "a film"], "No such file or directory"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("network", ["sentiment", "parser"])
def test_a_training_that_ends_before_its_time_has_saved_its_best_epoch(network, treebank, tmp_path, monkeypatch):
    saved, epochs = tmp_path / "net.npz", {}

    def interrupt(self, net, done, total, logs):
        if logs["epoch"] == 4:
            raise KeyboardInterrupt

    def note(self, net, epoch, logs):
        epochs[epoch] = (logs["val_f1" if network == "parser" else "val_accuracy"], -epoch), net.parameters.copy()

    monkeypatch.setattr(PrintEpochs, "on_batch_block", interrupt)
    monkeypatch.setattr(PrintEpochs, "on_epoch_end", note)
    options = ["--trees", str(treebank), "--units", "12", "--epochs", "9", "--save", str(saved)]
    assert main(["train", network, *options]) == 130
    assert sorted(epochs) == [1, 2, 3]
    _, best = max(epochs.values(), key=lambda pair: pair[0])
    assert (fastdl.load(saved).parameters == best).all()
