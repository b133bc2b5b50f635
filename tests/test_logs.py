"""Logs: what they hold of trainings that end well, that go on, and that end otherwise, as on a full disk."""

import copy
import csv
import json
import math
import os
import resource
import shutil
import struct

import numpy as np
import pytest
from watched import Adds, Alarm, Ends, fit, network

import fastdl
from fastdl import Sequential, callbacks, layers, losses, optimizers, schedules
from fastdl.callbacks import events


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return pytest.importorskip("mlflow")


class Lists(callbacks.Logger):
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def begin(self, run):
        self.told.append(run)

    def write(self, epoch, figures):
        self.told.append((epoch, figures))

    def end(self, error):
        self.told.append(error)


def test_a_logger_of_ones_own():
    net, logger = network(seed=5), Lists()
    history = fit(net, [logger], epochs=2).history
    run, *epochs, end = logger.told
    assert (run.first, run.epochs, end) == (1, 2, None)
    assert run.settings == {
        "loss": "cross_entropy", "loss.label_smoothing": 0.0, "optimizer": "SGD", "optimizer.lr": 0.02,
        "optimizer.momentum": 0.9, "optimizer.nesterov": False, "optimizer.weight_decay": 0.0,
        "optimizer.decay_biases": True, "batch_size": 8, "samples": 40, "seed": 5, "dtype": "float32",
        "parameters": net.parameters.size,
    }  # fmt: skip
    for epoch, figures in epochs:
        assert figures == {**{name: values[epoch - 1] for name, values in history.items()}, "lr": 0.02}
    assert [epoch for epoch, _ in epochs] == [1, 2]
    fit(net, [logger], epochs=3, initial_epoch=2)
    assert logger.told[4].first == 3


def own(outputs, targets):
    return np.zeros(len(outputs)), np.zeros_like(outputs)


def test_settings_of_settings():
    """Schedules, losses with settings, functions, pairs; what is not known is left out."""
    logger, net = Lists(), network(seed=None)
    rate = schedules.cosine(0.1, 9)
    fit(net, [logger], epochs=1, optimizer=optimizers.Adam(rate), loss=losses.CrossEntropy(label_smoothing=0.1))
    settings = logger.told[0].settings
    assert {name: settings[name] for name in ("loss", "loss.label_smoothing")} == {
        "loss": "cross_entropy",
        "loss.label_smoothing": 0.1,
    }
    assert (settings["optimizer.lr"], settings["optimizer.lr.steps"]) == ("cosine", 9)
    assert settings["optimizer.betas"] == "(0.9, 0.999)"
    assert not {"seed", "loss.ignore_label", "optimizer.clip_norm"} & settings.keys()
    net.fit(iter([(np.zeros((2, 5)), np.zeros(2, int))]), callbacks=[logger], loss=own, verbose=0)
    settings = logger.told[3].settings
    assert settings["loss"] == "own"
    assert not {"samples", "batch_size"} & settings.keys()


def test_a_seed_is_that_of_what_was_built(tmp_path):
    net = network(seed=3)
    net.save(tmp_path / "net.npz")
    assert (net.initial_seed, copy.deepcopy(net).initial_seed) == (3, 3)
    assert fastdl.load(tmp_path / "net.npz").initial_seed is network(seed=None).initial_seed is None
    assert Sequential([layers.Dense(3)]).build((5,), seed=7).initial_seed == 7


def rows_of_csv(path):
    with open(path, newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def rows_of_json(path):
    with open(path) as file:
        return [json.loads(line, parse_constant=pytest.fail) for line in file]


LINES = {"CSVLogger": rows_of_csv, "JSONLogger": rows_of_json}


@pytest.mark.parametrize(("kind", "read"), LINES.items())
def test_lines(kind, read, tmp_path):
    path, net = tmp_path / "run", network()
    logger = getattr(callbacks, kind)(path)
    for _ in range(2):
        history = fit(net, [Adds(), logger], epochs=3).history
        assert [row["epoch"] for row in read(path)] == [1, 2, 3]
        for name, values in history.items():
            assert [row[name] for row in read(path)] == values
        assert [row["twice"] for row in read(path)] == [2 * loss for loss in history["loss"]]
        assert [row["lr"] for row in read(path)] == [0.02] * 3
    kept, whole = read(path), path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole + last.replace(b"3", b"4", 1) + last[:9])  # of a run that was killed
    fit(net, [Adds(), logger], epochs=5, initial_epoch=3)
    assert read(path)[:3] == kept
    assert [row["epoch"] for row in read(path)] == [1, 2, 3, 4, 5]
    fit(net, [logger], epochs=3, initial_epoch=2)
    assert read(path)[:2] == kept[:2]
    assert "twice" not in read(path)[2]
    path.write_bytes(whole[:3])
    fit(net, [logger], epochs=3, initial_epoch=2)
    assert [row["epoch"] for row in read(path)] == [3]
    path.write_text("something else\n")
    with pytest.raises(ValueError, match=r"path must be that of a log .* has b'something else"):
        fit(net, [logger], epochs=3, initial_epoch=2)
    assert path.read_text() == "something else\n"


def test_a_table_has_columns_for_what_comes_later(tmp_path):
    """As when a training goes on with a validation."""
    path, net = tmp_path / "run.csv", network()
    before = fit(net, [callbacks.CSVLogger(path)], epochs=2, validation_data=None).history
    after = fit(net, [callbacks.CSVLogger(path)], epochs=4, initial_epoch=2).history
    rows = rows_of_csv(path)
    assert [row["loss"] for row in rows] == before["loss"] + after["loss"]
    assert [row.get("val_loss") for row in rows] == [None, None, *after["val_loss"]]
    with open(path, newline="") as file:
        assert len({len(row) for row in csv.reader(file)}) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.csv"]


def test_a_log_of_what_is_not_finite_is_json(tmp_path):
    class Odd(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs.update(inf=math.inf, nan=np.float32("nan"), number=np.float32(0.5), count=np.int64(3), said="so")

    fit(network(), [Odd(), callbacks.JSONLogger(tmp_path / "log")], epochs=1)
    (row,) = rows_of_json(tmp_path / "log")
    assert [row[name] for name in ("inf", "nan", "number", "count", "said")] == [None, None, 0.5, 3, "so"]


def test_what_callbacks_add_that_is_no_number(tmp_path, capsys):
    """Loggers of charts leave it out, others write it as it is."""

    class Odd(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs.update(said="so", nothing=None, array=np.array(2.5))

    loggers = [callbacks.TensorBoard(tmp_path / "board"), callbacks.JSONLogger(tmp_path / "log")]
    fit(network(), [Odd(), *loggers, callbacks.CSVLogger(tmp_path / "table"), callbacks.PrintEpochs()], epochs=1)
    (row,) = rows_of_json(tmp_path / "log")
    assert (row["said"], row["nothing"], row["array"]) == ("so", None, 2.5)
    (run,) = (tmp_path / "board").iterdir()
    tags = {tag for tag, _ in scalars_of(records_of(run))}
    assert "array/training" in tags
    assert not tags & {"said/training", "nothing/training"}
    assert "said so  nothing None  array 2.5" in capsys.readouterr().out


@pytest.mark.parametrize("kind", LINES)
def test_what_takes_several_lines_is_written_on_one(kind, tmp_path):
    class Odd(callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs.update({"said": 'a,\n"b"\r\n', "array": np.eye(2), "a\nb": 1.5})

    path, net = tmp_path / "log", network()
    for first in (0, 2):
        fit(net, [Odd(), getattr(callbacks, kind)(path)], epochs=first + 2, initial_epoch=first)
    rows = rows_of_json(path) if kind == "JSONLogger" else list(csv.DictReader(path.read_text().split("\n")))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert len({(row["said"], row["array"]) for row in rows}) == 1


def checksum(data):
    """CRC-32C bit by bit, masked."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def varint(data, at):
    value = shift = 0
    while True:
        value, shift, at = value | (data[at] & 0x7F) << shift, shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def fields(message):
    at, found = 0, []
    while at < len(message):
        key, at = varint(message, at)
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            value, at = varint(message, at)
        else:
            if size is None:
                size, at = varint(message, at)
            value, at = message[at : at + size], at + size
        found.append((key >> 3, value))
    return found


def records_of(path):
    """Return the messages of a file of events."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        assert struct.unpack_from("<I", data, at + 8) == (checksum(data[at : at + 8]),)
        message = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length) == (checksum(message),)
        found.append(
            dict(fields(message)) | {"values": [v for n, m in fields(message) if n == 5 for _, v in fields(m)]}
        )
        at += length + 16
    return found


def scalars_of(records):
    """Return (tag, step) to value."""
    return {
        (dict(fields(value))[1].decode(), record[2]): struct.unpack("<f", dict(fields(value))[2])[0]
        for record in records
        for value in record["values"]
    }


def test_records_are_those_of_tensorboard():
    """To the bit those that tensorboardX 2.6 wrote, a reader of which took them."""
    one = events.scalars(1.5, 300, {"loss/training": 0.5, "lr": math.nan})
    assert one.hex() == (
        "2f000000000000006d5d1d5009000000000000f83f10ac022a210a140a0d6c6f73732f747261696e696e67150000003f0a090a026c72"
        "150000c07fc2d27fcc"
    )
    assert events.version(1.5)[12:-4].hex() == "09000000000000f83f1a0d627261696e2e4576656e743a32"
    assert events.start(1.5, 7)[12:-4].hex() == "09000000000000f83f10073a020801"
    assert events.scalars(0, 1, {"x": -1e60}) == events.scalars(0, 1, {"x": -math.inf})  # which single precision lacks


def test_tensorboard(tmp_path):
    """Of each figure a point for each epoch, with the rate at which it was trained."""
    net, optimizer = network(), optimizers.SGD(0.02)
    watchers = [callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0), callbacks.TensorBoard(tmp_path)]
    history = fit(net, watchers, epochs=3, optimizer=optimizer).history
    (name,) = os.listdir(tmp_path)
    assert name.startswith("events.out.tfevents.")
    first, *epochs = records_of(tmp_path / name)
    assert first[3] == b"brain.Event:2"
    written = scalars_of(epochs)
    for tag, figure in (
        ("loss/training", "loss"), ("loss/validation", "val_loss"), ("accuracy/training", "accuracy"),
        ("accuracy/validation", "val_accuracy"), ("seconds", "seconds"),
    ):  # fmt: skip
        assert [written.pop((tag, epoch)) for epoch in (1, 2, 3)] == pytest.approx(history[figure])
    assert written == {("lr", epoch): pytest.approx(rate) for epoch, rate in ((1, 0.02), (2, 0.02), (3, 0.002))}
    fit(net, watchers, epochs=5, initial_epoch=3, optimizer=optimizer)
    _, later = sorted(os.listdir(tmp_path))
    _, start, *epochs = records_of(tmp_path / later)
    assert (start[2], start[7]) == (4, b"\x08\x01")
    assert [epoch[2] for epoch in epochs] == [4, 5]


def runs_of(mlflow, path, experiment="Default"):
    client = mlflow.MlflowClient(tracking_uri=str(path))
    return client, client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def test_mlflow(mlflow, tmp_path):
    """Settings are parameters, figures are metrics; what goes on is the same run."""
    net, logger = network(seed=4), callbacks.MLflow(tmp_path / "runs", experiment="noise", name="first")
    watchers = [logger, callbacks.ModelCheckpoint(tmp_path / "net.npz")]
    history = fit(net, watchers, epochs=2).history
    client, (run,) = runs_of(mlflow, tmp_path / "runs", "noise")
    assert (run.info.status, run.info.run_name, run.info.run_id) == ("FINISHED", "first", logger.run_id)
    assert run.data.params["optimizer"] == "SGD"
    assert [run.data.params[name] for name in ("epochs", "loss", "batch_size", "seed", "optimizer.lr")] == [
        "2", "cross_entropy", "8", "4", "0.02"
    ]  # fmt: skip
    for name, values in history.items():
        found = client.get_metric_history(run.info.run_id, name)
        assert [(metric.step, metric.value) for metric in found] == list(enumerate(values, 1))
    again = fastdl.load(tmp_path / "net.npz")
    fit(again, [callbacks.MLflow(tmp_path / "runs", experiment="noise")], epochs=3, initial_epoch=2)
    _, (run,) = runs_of(mlflow, tmp_path / "runs", "noise")
    assert run.info.status == "FINISHED"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "lr")] == [1, 2, 3]
    fit(again, [logger], epochs=1)
    assert len(runs_of(mlflow, tmp_path / "runs", "noise")[1]) == 2


@pytest.mark.parametrize(
    ("raised", "status"),
    [(None, "FINISHED"), (Alarm, "FAILED"), (FloatingPointError, "FAILED"), (KeyboardInterrupt, "KILLED")],
)
def test_how_a_training_ended(raised, status, mlflow, tmp_path):
    class Ending(callbacks.Callback):
        def on_batch_block(self, net, done, total, logs):
            if logs["epoch"] == 2 and raised is not None:
                raise raised

    logger, lists = callbacks.MLflow(tmp_path), Lists()
    try:
        raise OSError("somebody else's, long ago")
    except OSError:
        if raised is None:
            fit(network(), [logger, lists, Ending()], epochs=2)
        else:
            with pytest.raises(raised):
                fit(network(), [logger, lists, Ending()], epochs=2)
    (run,) = runs_of(mlflow, tmp_path)[1]
    assert run.info.status == status
    assert lists.told[-1] is None if raised is None else isinstance(lists.told[-1], raised)


LOGGERS = {
    "CSVLogger": lambda path: callbacks.CSVLogger(path / "log"),
    "JSONLogger": lambda path: callbacks.JSONLogger(path / "log"),
    "TensorBoard": lambda path: callbacks.TensorBoard(path),
    "MLflow": lambda path: callbacks.MLflow(path),
}


class Fault(callbacks.Callback):
    """Something happens to the logs in the second epoch, and is over when the training is."""

    def __init__(self, happens):
        self.happens = happens

    def on_epoch_trained(self, net, epoch):
        if epoch == 2:
            self.happens()


@pytest.mark.parametrize("fault", ["full", "removed"])
@pytest.mark.parametrize("kind", LOGGERS)
def test_a_log_that_cannot_be_written_loses_nothing(kind, fault, mlflow, tmp_path):
    """The epoch is kept, by other callbacks too, and the training goes on from it to the bit."""
    folder = tmp_path / "logs"
    folder.mkdir()
    logger, other, end = LOGGERS[kind](folder), Lists(), 2
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def happens():
        if fault == "removed":
            shutil.rmtree(folder)
        else:
            sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file()]
            resource.setrlimit(resource.RLIMIT_FSIZE, (max(sizes, default=0) + 9, limit[1]))  # a part fits

    class Mends(callbacks.Callback):  # before the checkpoint, which comes last
        def on_epoch_end(self, net, epoch, logs):
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    net, argument = network(), "tracking_uri" if kind == "MLflow" else "path"
    try:
        with pytest.raises(OSError, match=f"{argument} must name what can be written to; ") as error:
            fit(net, [logger, Fault(happens), other, Mends(), callbacks.ModelCheckpoint(tmp_path / "net.npz")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert len(net.history.history["val_loss"]) == end
    assert other.told[-2][0] == end
    assert other.told[-1] is error.value
    whole = network()
    fit(whole, [], epochs=end)
    for one in (net, fastdl.load(tmp_path / "net.npz")):
        assert (one.parameters == whole.parameters).all()
        assert (one.training_state.moments == whole.training_state.moments).all()
        assert (one.training_state.steps, one.training_state.epochs) == (whole.training_state.steps, end)
    if fault == "full" and kind in LINES:
        assert [row["epoch"] for row in LINES[kind](folder / "log")] == [1]
    if fault == "full" and kind == "TensorBoard":
        assert len(records_of(next(folder.iterdir()))) == 2
    if kind == "MLflow" and fault == "removed":
        return  # with its run
    folder.mkdir(exist_ok=True)
    for one in (net, whole):
        fit(one, [logger], initial_epoch=end)
    assert (net.parameters == whole.parameters).all()


@pytest.mark.parametrize("kind", LOGGERS)
def test_a_log_that_cannot_be_opened(kind, mlflow, tmp_path):
    """Ends a training before its first step; others are told."""
    (tmp_path / "file").write_text("")
    logger, other, net = LOGGERS[kind](tmp_path / "file" / "inner"), Lists(), network()
    before = net.parameters.copy()
    argument = "tracking_uri" if kind == "MLflow" else "path"
    with pytest.raises(OSError, match=f"{argument} must name what can be written to; .*Not a directory") as error:
        fit(net, [other, logger])
    assert (net.parameters == before).all()
    assert net.training_state.steps == 0
    assert other.told[-1] is error.value
    assert net.training_state.error is None
    fit(net, [])


def test_an_older_log_outlives_a_training_that_does_not_begin(tmp_path):
    path = tmp_path / "log"
    fit(network(), [callbacks.CSVLogger(path)], epochs=2)
    before = path.read_bytes()
    for watcher in (callbacks.LearningRateSchedule(schedules.constant(0.1)), callbacks.ModelCheckpoint(tmp_path)):
        with pytest.raises(ValueError, match="must be"):
            fit(network(), [callbacks.CSVLogger(path), watcher], rate=schedules.cosine(0.1, 9))
    assert path.read_bytes() == before


def test_a_disk_that_is_full_before_the_first_epoch(tmp_path):
    """Nothing stays open, and what was begun holds no half record."""
    logger, limit = callbacks.TensorBoard(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9, limit[1]))
    try:
        with pytest.raises(OSError, match=r"path must name what can be written to; \[Errno 27\]"):
            fit(network(), [logger])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert logger._file is None
    (left,) = tmp_path.iterdir()
    assert left.stat().st_size == 0
    fit(network(), [logger], epochs=1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("kind", LINES)
def test_a_full_device(kind):
    net = network()
    with pytest.raises(OSError, match=r"path must name what can be written to; \[Errno 28\]") as error:
        fit(net, [getattr(callbacks, kind)("/dev/full")])
    assert error.value.errno == 28
    assert net.training_state.epochs == 1


def test_what_interrupts_a_training_is_not_hidden_by_its_log():
    class Fails(Lists):
        def end(self, error):
            raise OSError(28, "No space left on device")

    with pytest.raises(Alarm):
        fit(network(), [Fails(), Ends(1)])
    with pytest.raises(OSError, match="path must name what can be written to"):
        fit(network(), [Fails()])


def test_two_logs_on_one_full_disk():
    """Both are told of; the first is what is raised."""
    first, second = callbacks.CSVLogger("/dev/full"), callbacks.JSONLogger("/dev/full")
    with pytest.raises(OSError, match="path must name"):
        fit(network(), [first, second])
    assert not first._is_open
    assert not second._is_open


@pytest.mark.parametrize("kind", LINES)
def test_a_file_of_another_kind_stays(kind, tmp_path):
    path, net = tmp_path / "notes.txt", network()
    path.write_text("what I have to do\n")
    with pytest.raises(ValueError, match="path must be that of a log whose first line begins with"):
        fit(net, [getattr(callbacks, kind)(path)], epochs=1)
    assert path.read_text() == "what I have to do\n"
    path.write_text("")
    for _ in range(2):  # its own is begun anew
        fit(net, [getattr(callbacks, kind)(path)], epochs=1)
    assert len(LINES[kind](path)) == 1


def test_a_training_of_which_nothing_is_left(tmp_path):
    path, net = tmp_path / "log.csv", network()
    watchers = [callbacks.EarlyStopping(patience=5), callbacks.CSVLogger(path), callbacks.EMA(0.9)]
    fit(net, watchers, epochs=2)
    before, lines = net.parameters.copy(), path.read_text()
    assert fit(net, watchers, epochs=2, initial_epoch=2).history == {}
    np.testing.assert_array_equal(net.parameters, before)
    assert (net.training_state.epochs, path.read_text()) == (2, lines)
