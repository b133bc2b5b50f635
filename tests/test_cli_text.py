"""The commands for language models, as their user sees them."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from test_cli import on_a_terminal

import fastdl.cli.text
from fastdl import Sequential, layers, models
from fastdl.cli import main
from fastdl.datasets import Vocabulary, text_windows
from fastdl.training.divergence import DivergenceError

FOX = "The quick brown fox jumps over the lazy dog. It doesn't bark! "


SMALL = ["--units", "12", "--batch-size", "4", "--window", "8", "--show", "20"]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text"
    path.write_text(FOX * 60)
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_train_and_sample(text, tmp_path, capsys):
    saved, log = tmp_path / "lm.npz", tmp_path / "log"
    command = ["train", "lm", "--text", str(text), *SMALL]
    assert main([*command, "--epochs", "3", "--save", str(saved), "--log", str(log), "--threads", "3"]) == 0
    assert fastdl.get_num_threads() == 3
    printed = capsys.readouterr().out
    assert "1 x lstm of 12:" in printed
    assert "epoch 3/3  loss" in printed
    assert "bits)" in printed
    history = lines(log)
    assert [h["epoch"] for h in history] == [1, 2, 3]
    assert history[2]["val_loss"] < history[0]["val_loss"]
    for epoch, line in zip(history, [line for line in printed.splitlines() if line.startswith("epoch ")], strict=True):
        figures = re.findall(r"([0-9.]+) \(([0-9.]+) bits\)", line)
        for (nats, bits), name in zip(figures, ("loss", "val_loss"), strict=True):
            assert float(nats) == pytest.approx(epoch[name], abs=1e-4)
            assert float(bits) == pytest.approx(epoch[name] / np.log(2), abs=1e-3)
        (speed,) = re.findall(r"([0-9,]+) characters per second", line)
        assert float(speed.replace(",", "")) == pytest.approx(3328 / epoch["seconds"], abs=1)  # in whole windows
    # Held out is the last tenth, in as many streams as are trained on.
    net = fastdl.load(saved)
    held_out = Vocabulary(net.notes["vocabulary"]).encode(text.read_text()[-6 * len(FOX) :])
    assert net.evaluate(*text_windows(held_out, 4, 8), batch_size=4)["loss"] == history[2]["val_loss"]
    assert main(["sample", str(saved), "--prompt", "The", "--length", "30", "--seed", "0"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The")
    assert len(out) == 3 + 30 + 1
    # The coldest is the same whatever the seed.
    written = []
    for temperature in ("0", "5"):
        for seed in ("1", "2"):
            assert main(["sample", str(saved), "--length", "30", "--temperature", temperature, "--seed", seed]) == 0
            written.append(capsys.readouterr().out)
    assert written[0] == written[1] != written[2] != written[3]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_log_that_does_not_fit_loses_no_epoch(text, tmp_path, capsys):
    run = tmp_path / "run.npz"
    assert main(["train", "lm", "--text", str(text), *SMALL, "--save", str(run), "--log", "/dev/full"]) == 2
    assert capsys.readouterr().err.startswith("fastdl: --log must name what can be written to; [Errno 28]")
    assert fastdl.load(run).notes["run"]["epochs"] == 1


def test_a_log_has_each_epoch_once_however_its_run_was_killed(text, tmp_path, monkeypatch):
    """Between its line and the file, or after it."""
    run, log = tmp_path / "run.npz", tmp_path / "log"
    command, before = ["train", "lm", "--text", str(text), *SMALL, "--save", str(run)], fastdl.Sequential.save
    for first in (True, False):

        def save(net, path, first=first, **options):
            if net.notes["run"]["epochs"] == 2 and first:
                raise KeyboardInterrupt
            before(net, path, **options)
            if net.notes["run"]["epochs"] == 2:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(fastdl.Sequential, "save", save)
            assert main([*command, "--epochs", "4", "--log", str(log)]) == 130
        assert main(["train", "lm", "--resume", str(run), "--log", str(log)]) == 0
        assert [line["epoch"] for line in lines(log)] == [1, 2, 3, 4]


@pytest.mark.parametrize("cell", ["gru", "transformer"])
def test_resumed_as_never_interrupted(cell, text, tmp_path, capsys):
    logs = [tmp_path / name for name in "abc"]
    command = ["train", "lm", "--text", str(text), *SMALL, "--cell", cell, "--layers", "2"]
    assert main([*command, "--epochs", "4", "--save", str(tmp_path / "whole.npz"), "--log", str(logs[0])]) == 0
    run = tmp_path / "run.npz"

    class Stop(KeyboardInterrupt):
        pass

    # Stopped after its second epoch.
    before = fastdl.Sequential.save
    try:

        def save(net, path, **options):
            before(net, path, **options)
            if net.notes["run"]["epochs"] == 2:
                raise Stop

        fastdl.Sequential.save = save
        assert main([*command, "--epochs", "4", "--save", str(run)]) == 130
    finally:
        fastdl.Sequential.save = before
    assert main(["train", "lm", "--resume", str(run), "--log", str(logs[1]), "--show", "5"]) == 0
    whole, part = lines(logs[0]), lines(logs[1])
    assert [h["epoch"] for h in part] == [3, 4]
    assert [h["val_loss"] for h in part] == [h["val_loss"] for h in whole[2:]]
    assert (fastdl.load(run).parameters == fastdl.load(tmp_path / "whole.npz").parameters).all()
    with open(logs[1], "a") as log:
        log.write('{"epoch": 5, "lo')  # by a run that was killed
    assert main(["train", "lm", "--resume", str(run), "--log", str(logs[1]), "--epochs", "5"]) == 0
    assert [h["epoch"] for h in lines(logs[1])] == [3, 4, 5]
    for arguments, message in (
        (["--units", "13"], "--units must be 12, as of"),
        (["--vocabulary", "9"], "--vocabulary must be 256, as of"),
        (["--words"], "run.npz is a model of characters"),
        (["--epochs", "4"], "--epochs must be above the 5 that"),
        (["--epochs", "5"], "--epochs must be above the 5 that"),
        (["--text", __file__, "--epochs", "9"], "--text must be the one that"),
        (["--epochs", "9", "--save", ""], "path must be that of a file; received ''"),
        (["--epochs", "9", "--log", str(run)], "--save and --log must name two files"),
        (["--epochs", "9", "--log", str(run), "--save", str(tmp_path / "b")], "--log must be another file than those"),
    ):
        capsys.readouterr()
        assert main(["train", "lm", "--resume", str(run), *arguments]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--save", "--log"])
def test_a_text_is_not_written_over(option, text, capsys):
    before = text.read_bytes()
    assert main(["train", "lm", "--text", str(text), "--units", "3", option, str(text)]) == 2
    assert f"{option} must be another file than those that are read; received {text}" in capsys.readouterr().err
    assert text.read_bytes() == before


def test_a_transformer_from_the_command_line(text, tmp_path, capsys):
    saved, command = tmp_path / "lm.npz", ["train", "lm", "--text", str(text), "--cell", "transformer", "--epochs", "1"]
    assert main([*command, "--batch-size", "4", "--window", "9", "--units", "8", "--save", str(saved)]) == 0
    assert "4 x transformer of 8:" in capsys.readouterr().out
    assert {type(layer) for layer in fastdl.load(saved).layers} >= {layers.PositionalEmbedding, layers.Residual}
    assert main(["sample", str(saved), "--prompt", "The quick brown", "--length", "30", "--seed", "1"]) == 0
    assert len(capsys.readouterr().out) == len("The quick brown") + 31
    assert main([*command, "--units", "10"]) == 2
    assert "--units must be a multiple of a transformer's 4 heads; received 10" in capsys.readouterr().err


def test_the_bar_counts_characters(text):
    pytest.importorskip("tqdm")
    code, shown = on_a_terminal("lm", "--text", text, *SMALL, "--epochs", 1)
    assert code == 0
    assert b"| 3.33k/3.33k" in shown  # 104 windows of 4 x 8 characters, of 3,348
    assert b" characters/s" in shown


def test_losses_in_short(text, capsys):
    for words in ([], ["--words"]):
        command = ["train", "lm", "--text", str(text), *words, *SMALL, "--show", "0", "--epochs", "1", "--lr"]
        assert main([*command, "1e10", "--dropout", "0"]) == 0
        assert len(capsys.readouterr().out.splitlines()[1]) < 120
        assert main([*command, "1e-37"]) == 0
        assert re.search(r"loss \d\.\d{4} \((\d\.\d{3} bits|perplexity \d+\.\d)\) ", capsys.readouterr().out)


@pytest.mark.parametrize(("window", "batch", "needed"), [(8, 20, 178), (7, 13, 102), (8, 1, 90), (1, 1, 20)])
def test_a_text_that_is_too_short(tmp_path, capsys, window, batch, needed):
    path = tmp_path / "text"
    command = ["train", "lm", "--text", str(path), "--units", "3", "--window", str(window), "--batch-size", str(batch)]
    path.write_text((FOX * 3)[: needed - 1])
    assert main(command) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"fastdl: --text must have at least {needed} characters, of which a tenth is held out, for a --window of "
        f"{window} and a --batch-size of {batch}; it has {needed - 1}\n"
    )
    path.write_text((FOX * 3)[:needed])
    assert main([*command, "--epochs", "1"]) == 0


def test_what_the_vocabulary_cuts_off(tmp_path, capsys):
    path = tmp_path / "text"
    path.write_text("aaab" * 100 + "c" * 60)
    command = ["train", "lm", "--text", str(path), *SMALL, "--epochs", "1"]
    assert main(command) == 0
    assert "414 characters of 4 kinds, 46 held out" in capsys.readouterr().out
    assert main([*command, "--vocabulary", "3"]) == 0
    assert "414 characters of 3 kinds, 3.38% of them unknown, 46 held out" in capsys.readouterr().out


def test_neither_clipping_nor_samples(text, tmp_path, capsys):
    command = ["train", "lm", "--text", str(text), *SMALL, "--epochs", "1"]
    losses = []
    for clip in ("0", "1e9", "0.01"):
        log = tmp_path / clip
        assert main([*command, "--show", "0", "--clip-norm", clip, "--log", str(log)]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 2
        losses.append(lines(log)[0]["loss"])
    assert losses[0] == losses[1] != losses[2]


def test_words(text, tmp_path, capsys):
    saved = tmp_path / "lm.npz"
    command = ["train", "lm", "--text", str(text), "--words", "--vocabulary", "9", *SMALL]
    assert main([*command, "--epochs", "1", "--save", str(saved)]) == 0
    assert "perplexity" in capsys.readouterr().out
    assert fastdl.load(saved).notes["vocabulary"][0] == "<unknown>"
    assert len(fastdl.load(saved).notes["vocabulary"]) == 9
    assert main(["sample", str(saved), "--prompt", "The quick", "--length", "5"]) == 0


def test_lines(tmp_path, capsys):
    path, saved = tmp_path / "text", str(tmp_path / "lm.npz")
    path.write_text("a fox is no dog . or so\n" * 60)
    command = ["train", "lm", "--text", str(path), "--words", "--lines", *SMALL, "--epochs", "1", "--save", saved]
    assert main(command) == 0
    assert "540 words of 11 kinds, 60 held out" in capsys.readouterr().out
    assert fastdl.load(saved).notes["lines"] is True
    assert main(["train", "lm", "--resume", saved, "--epochs", "2"]) == 0
    assert "540 words of 11 kinds, 60 held out" in capsys.readouterr().out
    assert main([*command[:5], "--resume", saved, "--epochs", "3"]) == 0
    assert main(["sample", saved, "--prompt", "a fox is no dog. or", "--length", "1", "--temperature", "0"]) == 0
    for arguments, message in (
        (["--lines"], "--lines must come with --words"),
        (["--words", "--resume", saved, "--text", __file__, "--epochs", "9"], "--text must be the one that"),
    ):
        assert main(["train", "lm", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert main([*command[:4], "--words", *SMALL, "--epochs", "1", "--save", saved]) == 0
    assert main(["train", "lm", "--resume", saved, "--lines", "--epochs", "2"]) == 2
    assert f"--lines must be left out, as {saved} has sentences that end" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "nowhere"], "--text must name what can be read; [Errno 2] No such file or directory"),
        (["--text", ""], "--text must name what can be read; [Errno 2] No such file or directory: ''"),
        (["--text", "."], "--text must name what can be read; [Errno 21] Is a directory"),
        (["--save", "nowhere/lm.npz"], "--save must name a file that can be written; [Errno 2]"),
        (["--units", "3", "--log", "nowhere/log"], "--log must name what can be written to; [Errno 2]"),
        (["--units", "99999999999"], "--units must be at most 2147483647; received 99999999999"),
        (["--units", "3", "--threads", "99999999999"], "--threads must be at most 2147483647; received 99999999999"),
        (["--bidirectional"], "--bidirectional makes no sense here"),
        (["--window", "10000"], "--text must have at least 355,556 characters"),
        (["--words", "--window", "10000"], "--text must have about 355,556 words"),
        (["--units", "0"], "--units must be at least 1; received 0"),
        (["--layers", "1000000"], "--layers must be at most 1000; received 1000000"),
        (["--show", "-1"], "--show must be at least 0; received -1"),
        (["--seed", "-1"], "--seed must be at least 0; received -1"),
        (["--threads", "0"], "--threads must be at least 1; received 0"),
        (["--dropout", "1"], "--dropout must be a finite number from 0.0 to 0.999; received 1.0"),
        (["--clip-norm", "-1"], "--clip-norm must be a finite number from 0.0 to inf; received -1.0"),
        (["--lr", "inf"], "--lr must be a finite number from 1e-37 to inf; received inf"),
        (["--vocabulary", "1"], "--vocabulary must be at least 2; received 1"),
        (["--vocabulary", "0"], "--vocabulary must be at least 2; received 0"),
        (["--vocabulary", "-5"], "--vocabulary must be at least 2; received -5"),
        (["--resume", "nowhere"], "--resume must name what can be read; [Errno 2] No such file or directory"),
    ],
)
def test_mistakes_of_train(text, arguments, message, capsys):
    arguments = arguments if "--text" in arguments or "--resume" in arguments else ["--text", str(text), *arguments]
    assert main(["train", "lm", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == "" or "--threads" in arguments


def test_what_is_no_run(text, tmp_path, capsys):
    path = str(tmp_path / "lm.npz")
    assert main(["train", "lm", "--text", str(text), *SMALL, "--epochs", "1", "--save", path]) == 0
    net = fastdl.load(path)
    run = net.notes["run"]
    for bad in (
        {name: value for name, value in run.items() if name != "digest"},
        {**run, "epochs": None},
        {**run, "epochs": "1"},
        {**run, "settings": ["units"]},
        {**run, "settings": {"units": 12}},
        {**run, "settings": {**run["settings"], "lr": "0.1"}},
        {**run, "settings": {**run["settings"], "text": 0.5}},
    ):
        net.notes["run"] = bad
        net.save(path, training=True)
        assert main(["train", "lm", "--resume", path, "--epochs", "2"]) == 2
        assert f"--resume must name what train lm --save wrote after an epoch; received {path}" in (
            capsys.readouterr().err
        )


def test_what_a_terminal_cannot_show(tmp_path):
    (tmp_path / "text").write_text("é☃" * 500, encoding="utf-8")
    model = str(tmp_path / "lm.npz")
    for arguments in (
        ["train", "lm", "--text", str(tmp_path / "text"), *SMALL, "--epochs", "2", "--save", model],
        ["sample", model, "--prompt", "é"],
    ):
        shown = subprocess.run(
            [sys.executable, "-m", "fastdl", *arguments],
            env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True,
        )  # fmt: skip
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "????" in shown.stdout
    assert fastdl.load(model).notes["run"]["epochs"] == 2


def test_a_training_that_diverges(text, tmp_path, capsys):
    path = tmp_path / "lm.npz"
    command = ["train", "lm", "--text", str(text), *SMALL, "--epochs", "2", "--dropout", "0"]
    for save, kept in (([], ""), (["--save", str(path)], f"; {path} has the parameters before it")):
        assert main([*command, "--lr", "1e38", *save]) == 2
        error = capsys.readouterr().err
        assert re.match(r"fastdl: step \d+ gives a loss, parameters or moments that are not finite: ", error)
        assert error.endswith(f": a lower --lr, or a tighter --clip-norm, may help{kept}\n")
    net = fastdl.load(path)
    assert np.isfinite(net.parameters).all()
    assert (net.parameters != models.language_model(*net.output_shape[1:], units=12, seed=0).parameters).any()
    assert main(["sample", str(path)]) == 0
    assert main(["train", "lm", "--resume", str(path)]) == 2
    assert "--resume must name what train lm --save wrote after an epoch" in capsys.readouterr().err


def test_an_epoch_that_diverges_leaves_the_one_before(text, tmp_path, capsys, monkeypatch):
    path = tmp_path / "lm.npz"
    command = ["train", "lm", "--text", str(text), *SMALL]

    def diverge(*arguments):
        raise DivergenceError("step 9 is not finite", "none")

    for run, when, epoch in (
        ([*command, "--epochs", "3", "--save", str(path)], "on_epoch_end", 1),
        (["train", "lm", "--resume", str(path)], "on_epoch_end", 2),
        (["train", "lm", "--resume", str(path)], "on_epoch_begin", 2),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(fastdl.cli.text.Show, when, diverge)
            assert main(run) == 2
        assert capsys.readouterr().err.endswith(f"; {path} has what epoch {epoch} gave\n")
        assert fastdl.load(path).notes["run"]["epochs"] == epoch
    assert main(["train", "lm", "--resume", str(path)]) == 0


def test_a_prompt_that_is_not_known(text, tmp_path, capsys):
    path = str(tmp_path / "lm.npz")
    for words, kind in (([], "characters"), (["--words"], "words")):
        assert main(["train", "lm", "--text", str(text), *SMALL, *words, "--epochs", "1", "--save", path]) == 0
        assert capsys.readouterr().err == ""
        assert main(["sample", path, "--prompt", "The é  ☃é", "--length", "5"]) == 0
        captured = capsys.readouterr()
        assert captured.out.startswith("The é  ☃é")
        assert captured.err == f"fastdl: --prompt has {kind} that {path} does not know: 'é', '☃'\n"


def test_mistakes_of_sample(tmp_path, capsys):
    Sequential([layers.Dense(2)], input_shape=3).save(tmp_path / "net.npz")
    net = models.language_model(4, units=3)
    net.notes = {"vocabulary": ["a", "b", "c"], "words": False, "run": {"settings": {}}}
    net.save(tmp_path / "other.npz")
    assert main(["train", "lm", "--resume", str(tmp_path / "other.npz")]) == 2
    assert "--resume must name what train lm --save wrote" in capsys.readouterr().err
    for arguments, message in (
        ([str(tmp_path / "net.npz")], "must be a language model"),
        ([str(tmp_path / "other.npz")], "must be a language model"),
        (["nowhere"], "MODEL must name what can be read; [Errno 2] No such file or directory"),
        (["nowhere", "--length", "0"], "--length must be at least 1; received 0"),
        (["nowhere", "--seed", "-1"], "--seed must be at least 0; received -1"),
        (["nowhere", "--temperature", "-1"], "--temperature must be a finite number from 0.0 to inf; received -1.0"),
    ):
        assert main(["sample", *arguments]) == 2
        assert message in capsys.readouterr().err
