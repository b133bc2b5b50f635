"""Sweeps: each trial as if by itself, a record that a later sweep goes on from, and what is shown of them."""

import errno
import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from test_datasets import write_folder, write_splits

import fastdl
from fastdl import Sequential, callbacks, layers, losses, optimizers, schedules
from fastdl.cli import main
from fastdl.datasets import Trees
from fastdl.recipes import Recipe
from fastdl.sweeps import Trial, grid, picture, sweep, table, trials


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    return x, (x.sum(axis=1) > 0).astype(int)


made = []


def make(units, lr, seed=0):
    made.append((units, lr, seed))
    net = Sequential([layers.Dense(units, "relu"), layers.Dense(2)], input_shape=3, seed=seed)
    return Recipe(net, {"epochs": 2, "batch_size": 10, "optimizer": optimizers.SGD(lr)})


@pytest.fixture(autouse=True)
def forget():
    made.clear()


def run(data, settings, **more):
    return sweep(make, settings, *data, validation_split=0.2, verbose=0, **more)


def test_a_grid():
    assert grid(a=[1, 2], b="xy") == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]
    assert grid(a=[]) == []


def test_trials_end_as_they_would_alone(data, tmp_path):
    found = run(data, grid(units=[2, 5], lr=[0.1, 0.5], seed=range(2)), save=tmp_path / "best.npz")
    assert len(found) == 8
    for trial in found:
        net, arguments = make(**trial.settings)
        history = net.fit(*data, validation_split=0.2, verbose=0, **arguments).history
        assert {
            name: history[name][-1] for name in ("loss", "val_loss", "val_accuracy")
        }.items() <= trial.figures.items()
    best = max(trial.figures["val_accuracy"] for trial in found)
    saved = fastdl.load(tmp_path / "best.npz")
    assert saved.evaluate(data[0][48:], data[1][48:])["accuracy"] == pytest.approx(best)


def test_a_sweep_goes_on(data, tmp_path):
    path = tmp_path / "record.jsonl"
    first = run(data, grid(units=[2], lr=[0.1, 0.5]), record=path)
    assert len(path.read_text().splitlines()) == 3
    with path.open("a") as file:
        file.write('{"settings": {"units": 4')  # of one that was killed while it wrote
    made.clear()
    again = run(data, grid(units=[2, 3], lr=[0.5, 0.1]), record=path)
    assert made == [(3, 0.5, 0), (3, 0.1, 0)]
    assert again[0] == first[1]
    assert again[1] == first[0]
    assert len(path.read_text().splitlines()) == 5
    made.clear()
    assert run(data, grid(units=np.array([2, 3]), lr=[0.5, 0.1]), record=path) == again
    assert made == []


def test_a_trial_that_fails_is_told_and_tried_again(data, tmp_path):
    path = tmp_path / "record.jsonl"
    settings = [{"units": 2, "lr": 0.1}, {"units": 2, "lr": 1e30}]
    found = run(data, settings, record=path)
    assert found[0].error is None
    assert found[1].figures is None
    assert re.fullmatch(r"step \d+ gives a loss, [a-z ]+ that are not finite", found[1].error), "and no advice"
    assert len(path.read_text().splitlines()) == 2
    assert "failed" in table(found)
    made.clear()
    run(data, settings, record=path)
    assert made == [(2, 1e30, 0)]


def test_the_best_of_earlier_sweeps_stays(data, tmp_path):
    path, best = tmp_path / "record.jsonl", tmp_path / "best.npz"
    run(data, [{"units": 8, "lr": 0.5}], record=path, save=best)
    before = best.read_bytes()
    line = json.loads(path.read_text().splitlines()[1])
    line["figures"]["val_accuracy"] = 2.0
    path.write_text(path.read_text().splitlines()[0] + "\n" + json.dumps(line) + "\n")
    run(data, [{"units": 2, "lr": 0.1}], record=path, save=best)
    assert best.read_bytes() == before


def test_a_record_is_of_its_data_and_arguments(data, tmp_path):
    path, (x, y) = tmp_path / "record.jsonl", data
    run(data, [{"units": 2, "lr": 0.1}], record=path)
    made.clear()
    for name, others in (("x", (x + 1, y)), ("y", (x, 1 - y)), ("x and y", (x + 1, 1 - y))):
        with pytest.raises(ValueError, match=f"must be the record of this sweep; .* with another {name}: name another"):
            run(others, [{"units": 2, "lr": 0.1}], record=path)
    for split in ({"validation_split": 0.3}, {"validation_data": data}):
        with pytest.raises(ValueError, match="must be the record of this sweep"):
            sweep(make, [{"units": 2, "lr": 0.1}], x, y, record=path, verbose=0, **split)
    assert len(run((x.tolist(), list(y)), [{"units": 2, "lr": 0.1}], record=path)) == 1
    assert made == []


def test_callbacks_are_heeded(data):
    class Stop(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            return True

    def stopped(units, lr):
        recipe = make(units, lr)
        return recipe._replace(arguments={**recipe.arguments, "epochs": 5, "callbacks": [Stop()]})

    seen = []
    settings = grid(units=[2, 3], lr=[0.1])
    trials = sweep(stopped, settings, *data, validation_split=0.2, verbose=0, callbacks=seen.append)
    alone = make(3, 0.1).net
    one = alone.fit(*data, validation_split=0.2, batch_size=10, optimizer=optimizers.SGD(0.1), verbose=0).history
    assert trials[1].figures["loss"] == one["loss"][0]
    assert seen == []
    assert (
        run(data, settings, callbacks=lambda number: seen.append(number) or [Stop()])[1].figures["loss"]
        == (one["loss"][0])
    )
    assert seen == [0, 1]


def test_figures_are_those_of_the_epoch_that_early_stopping_goes_back_to(data, tmp_path):
    x, y = data
    best = tmp_path / "best.npz"

    def stopping(number):
        return [callbacks.EarlyStopping("val_loss", patience=3)]

    def long(lr, seed):
        recipe = make(8, lr, seed)
        return recipe._replace(arguments={**recipe.arguments, "epochs": 30})

    settings = grid(lr=[5.0], seed=range(6))
    found = sweep(
        long, settings, x, y, validation_split=0.2, verbose=0, monitor="val_loss", callbacks=stopping, save=best
    )
    for trial in found:
        net, arguments = long(**trial.settings)
        stop = callbacks.EarlyStopping("val_loss", patience=3)
        history = net.fit(x, y, validation_split=0.2, verbose=0, callbacks=[stop], **arguments).history
        assert trial.figures["val_loss"] == stop.best < history["val_loss"][-1]
        assert trial.figures["loss"] == history["loss"][stop.best_epoch - 1]
    least = min(trial.figures["val_loss"] for trial in found)
    assert fastdl.load(best).evaluate(x[48:], y[48:])["loss"] == pytest.approx(least)


def test_a_figure_that_a_callback_adds(data):
    class Adds(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs.update(val_accuracy=np.float32(epoch), said="so")

    found = sweep(make, [{"units": 2, "lr": 0.1}], *data, verbose=0, callbacks=lambda number: [Adds()])
    assert found[0].figures["val_accuracy"] == 2


@pytest.mark.parametrize("kind", ["objects", "frame"])
def test_a_record_is_of_numbers_of_any_kind(kind, data, tmp_path):
    def of(x):
        return x.round().astype(int).astype(object) if kind == "objects" else frames.DataFrame(x.round(), dtype="Int64")

    frames, (x, y) = pytest.importorskip("pandas"), data
    for _ in range(2):
        run((of(x), y), [{"units": 2, "lr": 0.1}], record=tmp_path / "record.jsonl")
    assert len(made) == 1
    with pytest.raises(ValueError, match="of a sweep with another x"):
        run((of(2 * x), y), [{"units": 2, "lr": 0.1}], record=tmp_path / "record.jsonl")


def test_a_record_is_of_its_trees(tmp_path):
    def of_trees(lr):
        chain = [layers.Embedding(3, 2), layers.Recursive(2, return_nodes=True), layers.Dense(2)]
        return Recipe(Sequential(chain, input_shape=(None,), seed=0), {"optimizer": optimizers.SGD(lr)})

    def run_on(text):
        trees = Trees.parse(text)
        x = np.ones(len(trees.words), int)  # so that the trees differ, and not x
        sweep(
            of_trees, grid(lr=[0.1]), x, np.ones_like(x), trees=trees, validation_data=(x, np.ones_like(x), trees),
            verbose=0, record=tmp_path / "record.jsonl",
        )  # fmt: skip

    for _ in range(2):
        run_on("(1 (0 a) (1 (1 b) (0 c)))")
    for others in ("(1 (1 (0 a) (1 b)) (0 c))", "(1 (0 a) (1 (1 b) (0 b)))", "(1 (0 a) (1 (1 b) (1 c)))"):
        with pytest.raises(ValueError, match="of a sweep with another trees and validation_data"):
            run_on(others)


def test_a_record_is_of_losses_optimizers_and_batches_too(data, tmp_path):
    x, y = data

    def plainly(units):
        return make(units, 0.1)._replace(arguments={})

    def run_with(name, *of, **more):
        sweep(plainly, [{"units": 2}], *(of or data), verbose=0, monitor="loss", record=tmp_path / name, **more)

    for name, ones, others in (
        ("loss", losses.CrossEntropy(label_smoothing=0.1), losses.CrossEntropy()),
        ("optimizer", optimizers.SGD(schedules.cosine(0.1, 9)), optimizers.SGD(schedules.cosine(0.2, 9))),
        ("class_weight", {0: 1.0, 1: 2.0}, {0: 1.0, 1: 3.0}),
    ):
        for _ in range(2):
            run_with(name, **{name: ones})
        with pytest.raises(ValueError, match="must be the record of this sweep"):
            run_with(name, **{name: others})
    for _ in range(2):
        run_with("batches", [(x[:30], y[:30]), (x[30:40], y[30:40])], None)
    with pytest.raises(ValueError, match="must be the record of this sweep"):
        run_with("batches", [(x[:30], y[:30]), (x[40:50], y[40:50])], None)


def test_what_is_refused_before_training(data, tmp_path):
    for settings in ("ab", {"units": {1}, "lr": 0.1}, {"units": 2, "lr": optimizers.SGD(0.1)}):
        with pytest.raises(TypeError, match="settings must "):
            run(data, [settings])
    for save in (tmp_path, tmp_path / "no" / "such.npz"):
        with pytest.raises((OSError, ValueError), match="path must be "):
            run(data, [{"units": 2, "lr": 0.1}], save=save)
    assert made == []
    with pytest.raises(TypeError, match="what make gives must be Recipe; received Sequential"):
        sweep(lambda units: make(units, 0.1).net, [{"units": 2}], *data, verbose=0)
    assert run(data, [{"units": np.array([2])[0], "lr": np.array(0.1)}])[0].settings == {"units": 2, "lr": 0.1}
    assert trials.plain({"a": np.array([3, 4])}["a"]) == [3, 4]


def test_what_finished_gives(data):
    settings = [{"units": 2, "lr": 0.1}]
    assert run(data, settings, finished=lambda net: {"size": np.float32(3)})[0].figures["size"] == 3
    for given in (3, None, {"size": "large"}):
        said = run(data, settings, finished=lambda net, given=given: given)[0].error
        assert said.startswith("finished must give numbers by their names; gave")


def test_a_figure_that_there_will_not_be_is_found_before_training(data):
    with pytest.raises(ValueError, match=r"nets\[0\]: monitor must be one of loss, accuracy; received 'val_accuracy'"):
        sweep(make, grid(units=[2], lr=[0.1]), *data, verbose=0)
    with pytest.raises(TypeError, match="units must be a list of values; received 2"):
        grid(units=2)
    found = sweep(
        make, grid(units=[2], lr=[0.1]), *data, monitor="my_score", finished=lambda net: {"my_score": 1.0}, verbose=0
    )
    assert found[0].figures["my_score"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"sweep": {"data": "others"}}\n', "must be the record of this sweep"),
        ("units,lr\n", "must be the record of this sweep; it begins with b'units,lr"),
        ("FIRST\r\n", "must be the record of this sweep; it begins with"),
        ("FIRST\n[]\n", "must hold a trial a line"),
        ('FIRST\n{"settings": {"units": 2}}\n', "must hold a trial a line"),
        ('FIRST\n{"settings": {"units": 2}, "figures": {"loss": "low"}}\n', "must hold a trial a line"),
        ('FIRST\n{"settings": 3, "figures": {}}\n', "must hold a trial a line"),
        ('FIRST\n{"settings": {"units": 2}, "figures": {"loss": NaN}}\n', "must hold a trial a line"),
        ('FIRST\n{"settings": {"units": 2}, "figures": {"loss": 1%s}}\n' % ("0" * 400), "must hold a trial"),
        ("FIRST\n" + "[" * 100_000 + "\n", "must hold a trial a line"),
        ("no line at all", "must be the record of this sweep"),
    ],
)
def test_other_files_are_no_records(data, tmp_path, content, message):
    path = tmp_path / "record.jsonl"
    run(data, [], record=path)
    content = content.replace("FIRST", path.read_text().strip())
    path.write_bytes(content.encode())
    with pytest.raises(ValueError, match=message):
        run(data, [{"units": 2, "lr": 0.1}], record=path)
    assert path.read_bytes() == content.encode()
    assert made == []


def test_settings_twice(data):
    with pytest.raises(ValueError, match=r"settings must be different; received .*'lr': 0.1.* twice"):
        run(data, [{"units": 2, "lr": 0.1}, {"lr": 0.1, "units": np.int64(2)}])


def test_a_full_disk(data, tmp_path, monkeypatch):
    """The sweep ends at once, and what is written stays."""
    path, write = tmp_path / "record.jsonl", trials.append

    def append(file, record):
        if path.read_bytes().count(b"\n") == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(file, record)

    monkeypatch.setattr(trials, "append", append)
    with pytest.raises(OSError, match=r"record and save must name what can be written to; .*No space left on device"):
        run(data, grid(units=[2], lr=np.linspace(0.1, 0.9, 9)), record=path)
    assert len(path.read_text().splitlines()) == 3
    monkeypatch.undo()
    assert len(run(data, grid(units=[2], lr=np.linspace(0.1, 0.9, 9)), record=path)) == 9


TRIALS = [
    Trial({"lr": 0.1, "hidden": [3, 4], "seed": 0, "same": 1}, {"val_accuracy": 0.5, "seconds": 1.0}),
    Trial({"lr": 0.1, "hidden": [3, 4], "seed": 1, "same": 1}, {"val_accuracy": 0.7, "seconds": 3.0}),
    Trial({"lr": 0.2, "hidden": [5], "seed": 0, "same": 1}, {"val_accuracy": 0.9, "seconds": 1.0}),
    Trial({"lr": 0.2, "hidden": [5], "seed": 1, "same": 1}, None, "it did not end well"),
]


def test_the_best_of_a_record_is_saved_later(data, tmp_path):
    record, saved = tmp_path / "record.jsonl", tmp_path / "best.npz"
    settings = grid(units=[2, 5], lr=[0.1, 0.5])
    found = run(data, settings, record=record)
    best = max(found, key=lambda trial: trial.figures["val_accuracy"])
    made.clear()
    again = run(data, settings, record=record, save=saved)
    assert made == [(best.settings["units"], best.settings["lr"], 0)]
    assert [trial.figures["val_accuracy"] for trial in again] == [trial.figures["val_accuracy"] for trial in found]
    alone, arguments = make(**best.settings)
    alone.fit(*data, validation_split=0.2, verbose=0, **arguments)
    assert (fastdl.load(saved).parameters == alone.parameters).all()
    made.clear()
    run(data, settings, record=record, save=saved)
    assert not made


def test_a_table():
    assert table(TRIALS).split("\n") == [
        " lr  hidden               val_accuracy  seconds",
        "0.2       5                     0.9000        1",
        "0.1     3x4  0.6000 (0.5000 to 0.7000)        2",
    ]
    losses = [Trial({"lr": lr}, {"val_loss": lr}) for lr in (0.3, 0.1, 0.2)]
    assert [line.split()[0] for line in table(losses, "val_loss", ()).split("\n")[1:]] == ["0.1", "0.2", "0.3"]


def test_figures_that_are_no_numbers_come_last():
    found = [Trial({"lr": lr}, {"val_accuracy": value}) for lr, value in enumerate([0.1, np.nan, 0.9, np.nan, 0.5])]
    assert [line.split()[0] for line in table(found).splitlines()[1:]] == ["2", "4", "0", "1", "3"]
    drawn = picture(found).svg
    assert drawn.count("<path") == 3
    assert "nan" not in drawn


def test_a_figure_that_a_record_does_not_have():
    found = [Trial({"lr": 0.1}, {"val_accuracy": 0.5}), Trial({"lr": 0.2}, {"val_accuracy": 0.4, "seconds": 3.0})]
    assert [line.split() for line in table(found).splitlines()[1:]] == [["0.1", "0.5000"], ["0.2", "0.4000", "3"]]


def test_a_picture(tmp_path):
    drawn = picture(TRIALS)
    root = ElementTree.fromstring(drawn.svg)
    lines = [mark for mark in root.iter() if mark.tag.endswith("path")]
    assert len(lines) == 3
    assert [line.get("class") for line in lines] == ["trial", "trial", "trial best"]
    assert lines[-1][0].text == "lr 0.2, hidden 5, seed 0, val_accuracy 0.9"
    names = [mark.text for mark in root.iter() if mark.get("class") == "name"]
    assert names == ["lr", "hidden", "seed", "val_accuracy"]
    drawn.save(tmp_path / "sweep.svg")
    assert picture(TRIALS[:1]).svg.count("<path") == 1
    mixed = [Trial({"a": "x"}, {"val_loss": 1.0}), Trial({"a": 2}, {"val_loss": 0.5}), Trial({}, {"val_loss": 2.0})]
    last = [mark for mark in ElementTree.fromstring(picture(mixed, "val_loss").svg).iter() if mark.tag.endswith("path")]
    assert last[-1][0].text == "a 2, val_loss 0.5"
    with pytest.raises(ValueError, match="trials must have one with a val_accuracy; received 1 without"):
        picture(TRIALS[3:])


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write_folder(data, train=200)
    return data


def test_the_command(folder, tmp_path, capsys):
    config = tmp_path / "sweep.toml"
    record, drawn, saved = tmp_path / "record.jsonl", tmp_path / "sweep.svg", tmp_path / "best.npz"
    config.write_text(
        f'data = "{folder}"\nlr = [0.01, 0.1]\nhidden = [[4], [6, 3]]\nepochs = 3\nseeds = 2\nsave = "{saved}"\n'
    )
    options = ["--config", config, "--epochs", 1, "--record", record, "--picture", drawn]
    assert main(["sweep", *map(str, options)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("mlp: 8 networks, ")
    assert len(out.split("val_accuracy")[-1].strip().split("\n")) == 5
    lines = record.read_text().splitlines()
    assert len(lines) == 9
    assert {tuple(json.loads(line)["settings"]["hidden"]) for line in lines[1:]} == {(4,), (6, 3)}
    assert drawn.read_text().startswith("<svg")
    assert fastdl.load(saved).notes["labels"]
    assert main(["sweep", *map(str, options)]) == 0
    assert record.read_text().splitlines() == lines
    assert main(["sweep", *map(str, options), "--lr", "0.3"]) == 0
    assert len(record.read_text().splitlines()) == 13
    assert main(["sweep", *map(str, options), "--epochs", "2"]) == 2
    assert "must be the record of this sweep" in capsys.readouterr().err


def test_a_sweep_of_which_nothing_comes(folder, tmp_path, capsys):
    saved = tmp_path / "best.npz"
    options = ["--data", folder, "--epochs", 1, "--lr", "1e30", "--hidden", 4, "--save", saved]
    assert main(["sweep", *map(str, options)]) == 2
    assert "all networks failed: there is none to save or to draw" in capsys.readouterr().err
    assert not saved.exists()


def test_sizes_that_are_none(capsys):
    with pytest.raises(SystemExit):
        main(["sweep", "--hidden", "3xa"])
    assert "--hidden: sizes must be whole numbers, such as 300x100; received '3xa'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "config", "message"),
    [
        (["lenet5", "--data", "small"], "", "--data must hold what lenet5 can take; input_shape must be"),
        (["--hidden", "99999999"], "", "--hidden must be smaller; layers[1]: Dense(units=99999999"),
        (["lenet5", "--hidden", "3"], "", "--hidden is for an mlp; the network is lenet5"),
        (["--lr", "-1"], "", "--lr must be"),
        (["--batch-size", "0"], "", "--batch-size must be"),
        (["--activation", "loud"], "", "--activation must be"),
        (["--seeds", "0"], "", "--seeds must be"),
        (["--picture", "a.png"], "", "--picture must end in .svg"),
        (["--save", "no/such/folder.npz"], "", "--save must name a file that can be written"),
        (["--record", "no/such/folder"], "", "--record must name a file that can be written"),
        (
            ["--save", "same.svg", "--picture", "same.svg"],
            "",
            "--record, --picture and --save must name different files",
        ),
        (["--transpose"], "", "--transpose is for --data"),
        ([], "rate = 3", "--config must have none but activation, batch_size"),
        ([], "lr = [true]", "--lr must be a number; received True"),
        ([], "save = 3", "save of --config must be str"),
        ([], "lr = 3", "--lr must have values, one at least; received 3"),
        ([], "hidden = [3]", "--hidden must have lists of sizes; received 3"),
        ([], "epochs = 1.5", "epochs of --config must be int"),
        ([], "network = 'rnn'", "network of --config must be lenet5 or mlp"),
        ([], "lr = ", "--config must be a TOML file"),
        ([], "lr = " + "[" * 100_000, "--config must be a TOML file"),
        ([], "#" * 2_000_000, "--config must be a TOML file; sweep.toml: it has more than 1,048,576 characters"),
        (
            [],
            "seeds = 2_000_000_000",
            "--seeds and the other options must make at most 100,000 networks; received 2,000",
        ),
    ],
)
def test_options_that_are_refused(options, config, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.toml").write_text(config)
    if "small" in options:
        (tmp_path / "small").mkdir()
        images, labels = np.zeros((20, 9, 9), np.uint8), (np.arange(20) % 2).astype(np.uint8)
        write_splits(tmp_path / "small", [(part, images, labels) for part in ("train", "t10k")])
    assert main(["sweep", "--config", "sweep.toml", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_config_that_is_not_there(capsys):
    assert main(["sweep", "--config", "/no/such.toml"]) == 2
    assert "--config must name what can be read" in capsys.readouterr().err
