"""The command line, as its user sees it."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest
from test_datasets import write_folder, write_splits

import fastdl
from fastdl import Sequential
from fastdl.callbacks import Callback, EarlyStopping, PrintEpochs
from fastdl.cli import main
from fastdl.cli.common import saving
from fastdl.images.labels import probabilities


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_folder(folder, 200, 50)
    return folder


@pytest.mark.parametrize("network", ["lenet5", "mlp"])
def test_train(network, data, tmp_path, capsys):
    saved, log = tmp_path / "net.npz", tmp_path / "log.jsonl"
    options = ["--data", data, "--epochs", 2, "--batch-size", 20, "--lr", 0.05, "--seed", 3, "--threads", 2]
    assert main(["train", network, *map(str, options), "--save", str(saved), "--log", str(log)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 5
    assert "200 images, 2 threads" in out[0]
    assert out[1].startswith("epoch 1  loss ")
    assert out[3].startswith("test accuracy ")
    assert out[3].endswith("samples per second")
    assert out[4] == f"fastdl serve {saved} opens a page to draw on"
    epochs = [json.loads(line) for line in log.read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    for epoch in epochs:
        assert set(epoch) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds", "lr"}
    net = fastdl.load(saved)
    x_test, y_test = fastdl.datasets.idx_folder(data)[1]
    assert net.evaluate(x_test, y_test)["accuracy"] == pytest.approx(epochs[1]["val_accuracy"])
    before = net.parameters.copy()
    assert main(["train", network, *map(str, options), "--save", str(saved)]) == 0
    assert (fastdl.load(saved).parameters == before).all()  # the seed decides


FOLDERS = {  # how images (N, C, 14, 16) lie in a file, and the options that this takes
    "grey": (1, lambda x: x[:, 0], []),
    "grey, transposed": (1, lambda x: x[:, 0].swapaxes(1, 2), ["--transpose"]),
    "channels first": (3, lambda x: x, []),
    "channels last": (3, lambda x: x.transpose(0, 2, 3, 1), []),
    "channels last, transposed": (3, lambda x: x.transpose(0, 3, 2, 1), ["--transpose"]),
}


@pytest.mark.parametrize("network", ["lenet5", "mlp"])
@pytest.mark.parametrize("how", FOLDERS)
def test_networks_are_made_for_what_a_folder_holds(network, how, tmp_path, capsys):
    """Images with a bright corner, whose labels are neither from 0 on nor without a gap."""
    image_module = pytest.importorskip("PIL.Image")
    channels, lie, options = FOLDERS[how]
    rng, names = np.random.default_rng(0), np.array([1, 4, 26])
    splits, upright = [], {}
    for part, samples in (("train", 300), ("t10k", 60)):
        classes = rng.integers(0, 3, samples)
        images = rng.integers(0, 100, (samples, channels, 14, 16), "u1")
        for image, label in zip(images, classes, strict=True):
            image[:, 7 * (label == 1) :, 8 * (label == 2) :][:, :7, :8] += 100
        upright = {names[label]: images[classes == label][0] for label in range(3)}
        splits.append((part, np.ascontiguousarray(lie(images)), names[classes].astype("u1")))
    write_splits(tmp_path, splits)
    saved, log = str(tmp_path / "net.npz"), tmp_path / "log"
    train = ["train", network, "--data", str(tmp_path), "--epochs", "3", "--batch-size", "10", *options]
    assert main([*train, "--save", saved, "--log", str(log)]) == 0
    assert "3 labels, 300 images" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[-1])["val_accuracy"] > 0.95
    assert fastdl.load(saved).notes == {"labels": [1, 4, 26]}
    files = []
    for name, image in upright.items():
        files.append(str(tmp_path / f"{name}.png"))
        image_module.fromarray(image[0] if channels == 1 else image.transpose(1, 2, 0)).save(files[-1])
    assert main(["predict", saved, *files]) == 0
    for line, file, name in zip(capsys.readouterr().out.splitlines(), files, upright, strict=True):
        assert line.startswith(f"{file}: {name}  (1: ")
        assert [part.split(":")[0] for part in line.split("(")[1].split("  ")] == ["1", "4", "26"]


def test_folders_that_no_network_is_made_for(tmp_path, capsys):
    def labelled(train, test, size=28):
        for part, labels in (("train", train), ("t10k", test)):
            images = np.zeros((len(labels), size, size), "u1")
            write_splits(tmp_path, [(part, images, np.array(labels, "u1"))])

    for train, test, size, message in (
        ([1, 2, 2], [2, 3], 28, "--data must hold training images of every label of testing; it has none of 3"),
        ([7, 7], [7], 28, "--data must hold training images of at least 2 labels; it has 7 alone"),
        ([0, 1], [1], 8, "--data must hold what lenet5 can take; input_shape must be (C, H, W) of at least 12 x 12"),
    ):
        labelled(train, test, size)
        assert main(["train", "lenet5", "--data", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert main(["train", "mlp", "--data", str(tmp_path), "--epochs", "1"]) == 0
    labelled([0, 1], [1], 12)
    assert main(["train", "lenet5", "--data", str(tmp_path), "--epochs", "1"]) == 0


def test_labels_that_are_not_the_network_s(network, capsys):
    net, path = network
    for labels in ([1, 2], "0123456789", None):
        net.notes = {"labels": labels}
        net.save(path)
        assert main(["predict", path, "a.png"]) == 2
        assert f"must have notes of its 10 labels; received {labels!r}" in capsys.readouterr().err


@pytest.fixture
def network(tmp_path):
    """A network that tells how bright the image's upper half is."""
    net = fastdl.models.lenet5(seed=0)
    net.save(tmp_path / "net.npz")
    return net, str(tmp_path / "net.npz")


def test_predict(network, tmp_path, capsys):
    image_module = pytest.importorskip("PIL.Image")
    net, path = network
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), "u1")
    expected = fastdl.functional.softmax(net.predict(pixels[None, None] / 255))[0]
    files = [str(tmp_path / name) for name in ("a.png", "b.pgm", "c.png", "d.jpg")]
    image_module.fromarray(pixels).save(files[0])
    image_module.fromarray(pixels).save(files[1])
    image_module.fromarray(255 - pixels).convert("RGB").save(files[2])
    image_module.fromarray(pixels).resize((56, 40)).save(files[3])
    assert main(["predict", path, *files[:2]]) == 0
    assert main(["predict", path, files[2], "--invert"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, file in zip(lines, files, strict=False):
        assert line.startswith(f"{file}: {expected.argmax()}  (")
        printed = [float(part.split(":")[1]) for part in line.split("(")[1].rstrip(")").split("  ")]
        np.testing.assert_allclose(printed, expected, atol=6e-4)
    assert main(["predict", path, files[3]]) == 0
    assert "0: 0." in capsys.readouterr().out


def test_networks_that_scale_bytes_are_given_bytes(network, tmp_path, capsys):
    image_module = pytest.importorskip("PIL.Image")
    net, path = network
    image = str(tmp_path / "a.png")
    image_module.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), "u1")).save(image)
    scaling = fastdl.layers.Rescaling
    for before in ([scaling(1 / 255)], [fastdl.layers.RandomShift(1), Sequential([scaling(1 / 255)])], [scaling(1.0)]):
        chain = [fastdl.layers.from_config(layer.get_config()) for layer in net.layers]
        other = Sequential([*before, *chain], input_shape=(1, 28, 28), seed=0)
        other.parameters = net.parameters
        other.save(tmp_path / "other.npz")
        assert main(["predict", path, image]) == main(["predict", str(tmp_path / "other.npz"), image]) == 0
        one, same = (line.partition(": ")[2] for line in capsys.readouterr().out.splitlines())
        assert one == same


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "lenet5", "--data", "nowhere"], "--data: directory must be a folder of IDX files"),
        (["train", "lenet5", "--epochs", "0"], "--epochs must be at least 1; received 0"),
        (["train", "lenet5", "--batch-size", "-1"], "--batch-size must be at least 1; received -1"),
        (["train", "lenet5", "--threads", "0"], "--threads must be at least 1; received 0"),
        (["train", "mlp", "--lr", "nan"], "--lr must be a finite number"),
        (["train", "mlp", "--lr", "0"], "--lr must be a finite number from 1e-37 to inf; received 0.0"),
        (["train", "mlp", "--lr", "1e-46"], "--lr must be a finite number from 1e-37 to inf; received 1e-46"),
        (["sweep", "--lr", "0.1", "0"], "--lr must be a finite number from 1e-37 to inf; received 0.0"),
        (["train", "mlp", "--save", "nowhere/net.npz"], "--save must name a file that can be written; [Errno 2]"),
        (["train", "mlp", "--save", "."], "--save must name a file that can be written; path must be that of a file"),
        (["train", "mlp", "--save", ""], "path must be that of a file; received ''"),
        (["train", "mlp", "--save", "n" * 256], "--save must name a file that can be written; [Errno 36]"),
        (["train", "mlp", "--transpose"], "--transpose is for --data, which is not given"),
        (["train", "mlp", "--data", ""], "must hold train-images-idx3-ubyte"),
        (["train", "mlp", "--batch-size", "9" * 25], "--batch-size must be at most"),
        (["train", "mlp", "--log", "nowhere/log"], "--log must name what can be written to; [Errno 2]"),
        (["train", "lm", "--units", "99999999"], "--units: layers[1]: LSTM(units=99999999"),
        (["train", "parser", "--units", "999999999"], "--units: layers[0]: Embedding("),
        (["predict", "nothing.npz", "a.png"], "FILE must name what can be read; [Errno 2] No such file or directory"),
        (["predict", __file__, "a.png"], "must be a network saved by fastdl"),
    ],
)
def test_mistakes_end_in_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


def test_mistakes_leave_no_log(tmp_path, capsys):
    for mistake in (["lm", "--text", "nowhere"], ["lm", "--units", "99999999"], ["parser", "--trees", "nowhere"]):
        assert main(["train", *mistake, "--log", str(tmp_path / "log")]) == 2
    assert os.listdir(tmp_path) == []
    (tmp_path / "notes").write_text("mine")
    assert main(["train", "mlp", "--log", str(tmp_path / "notes")]) == 2
    assert "--log must be that of a log whose first line begins with" in capsys.readouterr().err


def test_streams_that_are_closed(data, monkeypatch):
    """As of a service, and of pythonw."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["train", "mlp", "--data", str(data), "--epochs", "1"]) == 0
    assert main(["sweep", "--data", str(data), "--epochs", "1"]) == 0
    assert main(["train", "mlp", "--epochs", "0"]) == 2
    for stream in (sys.stdout, sys.stderr):  # which the command opened, on nothing
        stream.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_log_that_does_not_fit(data, tmp_path, capsys):
    saved = str(tmp_path / "net.npz")
    command = ["train", "mlp", "--data", str(data), "--epochs", "3", "--save", saved]
    assert main([*command, "--log", "/dev/full"]) == 2
    told = capsys.readouterr()
    assert "--log must name what can be written to; [Errno 28]" in told.err
    line = json.loads(told.err[told.err.index("{") : told.err.index("}") + 1])  # which nobody writes again
    assert line["epoch"] == 1
    assert line["loss"] > 0
    assert told.err.count("\n") == 1
    assert fastdl.load(saved).output_shape == (10,)  # of the epoch that could not be logged
    assert sum(line.startswith("epoch ") for line in told.out.splitlines()) == 1


def test_images_that_are_none(network, tmp_path, capsys):
    good = str(tmp_path / "a.png")
    pytest.importorskip("PIL.Image").new("L", (28, 28)).save(good)
    assert main(["predict", network[1], __file__, good, "nothing.png", good]) == 2
    captured = capsys.readouterr()
    assert [line.split(":")[0] for line in captured.out.splitlines()] == [good, good]  # the others are classified
    lines = captured.err.splitlines()
    assert len(lines) == 2
    for line, path in zip(lines, (__file__, "nothing.png"), strict=True):
        assert line.startswith(f"fastdl: {path} must be a PNG, JPEG or PGM image; ")


def test_networks_that_do_not_classify_images(tmp_path, capsys):
    path = str(tmp_path / "net.npz")
    for shape, layers in (
        ((4,), [fastdl.layers.Dense(2)]),
        ((2, 8, 8), [fastdl.layers.Flatten(), fastdl.layers.Dense(2)]),
        ((1, 8, 8), [fastdl.layers.Conv2D(2, 3)]),
        ((1, 8, 8), [fastdl.layers.Flatten(), fastdl.layers.Dense(1)]),  # one number is no label
    ):
        fastdl.Sequential(layers, input_shape=shape).save(path)
        assert main(["predict", path, "a.png"]) == 2
        assert f"must be a network of grey or colour images; it goes from {shape}" in capsys.readouterr().err


def test_options_of_predict_that_would_do_nothing(network, tmp_path, capsys):
    trees = str(tmp_path / "trees.npz")
    fastdl.models.tree_classifier(3, 2).save(trees)
    for path, option, kind in (
        (network[1], ["--picture", "x.svg"], "trees"),
        (network[1], ["--parser", "x.npz"], "trees"),
        (trees, ["--invert"], "images"),
    ):
        assert main(["predict", path, "a.png", *option]) == 2
        assert f"{option[0]} is for networks of {kind}; {path} is none" in capsys.readouterr().err


def test_saving_spares_what_is_no_file(data, tmp_path, capsys):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert main(["train", "mlp", "--data", str(data), "--epochs", "1", "--save", str(pipe)]) == 2
    assert "--save must name a file that can be written; path must be that of a file" in capsys.readouterr().err
    assert pipe.is_fifo()
    same = str(tmp_path / "same")
    assert main(["train", "mlp", "--data", str(data), "--epochs", "1", "--save", same, "--log", same]) == 2
    assert "--save and --log must name two files" in capsys.readouterr().err
    assert not os.path.exists(same)
    os.symlink(same, tmp_path / "link")
    log = str(tmp_path / "link")
    assert main(["train", "mlp", "--data", str(data), "--epochs", "1", "--save", same, "--log", log]) == 2
    assert "--save and --log must name two files" in capsys.readouterr().err


@pytest.mark.parametrize("network", ["lenet5", "mlp", "lm", "sentiment", "parser"])
def test_every_option_is_explained(network, capsys):
    with pytest.raises(SystemExit):
        main(["train", network, "--help"])
    options = capsys.readouterr().out.partition("options:")[2]
    assert "--epochs" in options
    assert not re.findall(r"^  --[a-z-]+(?: [A-Z_]+)?\n  -", options, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--help"], set()),
        (["train", "--help"], set()),
        (["serve", "--help"], set()),
        (["export", "--help"], {"export"}),
    ],
)
def test_a_command_loads_what_it_needs_alone(arguments, needed):
    code = f"""
import contextlib, sys
from fastdl.cli import main
with contextlib.suppress(SystemExit):
    main({arguments})
print({{"datasets", "export", "images", "models", "recipes", "sweeps", "text", "trees"}} & {{
    name.split(".")[1] for name in sys.modules if name.startswith("fastdl.")}})
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"'(\w+)'", shown.splitlines()[-1])) <= needed


@pytest.mark.filterwarnings("ignore:the loss is no longer finite")
def test_a_training_that_diverges_is_a_mistake(data, capsys):
    """What may help is what the command has."""
    given = ["--data", str(data), "--epochs", "1", "--lr", "1e30"]
    for network in ("mlp", "lenet5"):
        assert main(["train", network, *given]) == 2
        error = capsys.readouterr().err
        assert re.fullmatch(r"fastdl: step \d+ gives a loss, [a-z ]+ not finite: a lower --lr may help\n", error)
    assert main(["sweep", *given]) == 2
    assert re.search(r"'lr': 1e\+30.*}: step \d+ gives a loss, [a-z ]+ not finite\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    [["train", "lm", "--clip-norm"], ["train", "mlp", "--lr"], ["sweep", "--lr"], ["train", "parser", "--penalty"],
     ["sample", "net.npz", "--temperature"]],
)  # fmt: skip
def test_numbers_that_a_float_does_not_hold(arguments, capsys):
    """They are not 0, which may stand for no limit."""
    with pytest.raises(SystemExit):
        main([*arguments, "1e-400"])
    assert f"{arguments[-1]}: must be 0, or a number that a float holds; received 1e-400" in capsys.readouterr().err


@pytest.mark.parametrize("last", ["sigmoid", "hard_sigmoid", "tanh", "hard_tanh", "relu", "relu6", "softmax", None])
def test_probabilities(last):
    net = fastdl.models.mlp((4, 5), output=last, seed=0)
    outputs = net.predict(np.random.default_rng(0).standard_normal((6, 4)))
    outputs = outputs[outputs.any(axis=1)]
    given = probabilities(net, outputs)
    expected = {
        **dict.fromkeys(("sigmoid", "hard_sigmoid", "relu", "relu6"), lambda y: y / y.sum(axis=1, keepdims=True)),
        **dict.fromkeys(("tanh", "hard_tanh"), lambda y: (y + 1) / (y + 1).sum(axis=1, keepdims=True)),
        "softmax": lambda y: y,
        None: fastdl.functional.softmax,
    }[last](outputs)
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-30)
    if last == "relu":
        np.testing.assert_allclose(probabilities(net, np.zeros((1, 5), "f4")), 0.2, rtol=1e-6)


@pytest.mark.parametrize(
    "last",
    [
        lambda: [Sequential([fastdl.layers.Dense(5, "softmax")])],
        lambda: [fastdl.layers.Dense(5), Sequential([fastdl.layers.Activation("softmax")]), fastdl.layers.Dropout(0.5)],
        lambda: [
            fastdl.layers.Residual([fastdl.layers.Dropout(0.2)]),
            fastdl.layers.Dense(5, "softmax"),
            fastdl.layers.Reshape((5,)),
        ],
    ],
)
def test_probabilities_of_a_softmax_within(last):
    net = Sequential(last(), input_shape=4, seed=0)
    outputs = net.predict(np.random.default_rng(0).standard_normal((6, 4)))
    np.testing.assert_array_equal(probabilities(net, outputs), outputs)


def test_probabilities_of_an_activation_with_a_setting():
    net = Sequential([fastdl.layers.Dense(5, fastdl.layers.Activation("leaky_relu", slope=0.2))], input_shape=4, seed=0)
    outputs = net.predict(np.random.default_rng(0).standard_normal((6, 4)))
    np.testing.assert_allclose(probabilities(net, outputs), fastdl.functional.softmax(outputs), rtol=1e-6)


def test_a_reader_that_leaves(network, tmp_path):
    pytest.importorskip("PIL.Image").new("L", (28, 28)).save(tmp_path / "a.png")
    command = [sys.executable, "-m", "fastdl", "predict", network[1], *[str(tmp_path / "a.png")] * 2000]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), error) == (141, "")


@pytest.mark.parametrize("arguments", [[], ["train"], ["train", "vgg"], ["train", "mlp", "--epochs", "two"]])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "usage: fastdl" in capsys.readouterr().err


def on_a_terminal(*arguments, stop_after=None):
    """Exit code and what was shown; Ctrl-C comes when ``stop_after`` has been."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "fastdl", "train", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
        if stop_after is not None and stop_after in shown:
            process.send_signal(signal.SIGINT)
            stop_after = None
    os.close(master)
    return process.wait(), shown


def test_a_bar_on_a_terminal(data):
    pytest.importorskip("tqdm")
    code, shown = on_a_terminal("mlp", "--data", data, "--epochs", 2)
    assert code == 0
    assert b"epoch 2/2: 100%" in shown
    assert b"test accuracy" in shown


def test_the_best_epoch_is_saved(tmp_path):
    """Into the very file that is named, whatever stands in its name."""

    class Measures(Callback):
        def on_epoch_end(self, net, epoch, logs):
            logs["val_f1"] = [2, 3, 1][epoch - 1]

    net = Sequential([fastdl.layers.Dense(3)], input_shape=4, seed=0)
    best = EarlyStopping("val_f1", patience=9)
    path = str(tmp_path / "{net}.npz")
    watchers = [Measures(), best, *saving(path, "val_f1")]
    net.fit(np.eye(4), [0, 1, 2, 0], epochs=3, callbacks=watchers, verbose=0)
    assert best.best_epoch == 2
    assert (fastdl.load(path).parameters == net.parameters).all()
    assert saving(None) == []


@pytest.mark.usefixtures("signals_that_end")
def test_ctrl_c_on_a_terminal(data):
    pytest.importorskip("tqdm")
    code, shown = on_a_terminal("mlp", "--data", data, "--epochs", 1_000_000, stop_after=b"epoch 2/")
    assert code == 130
    assert shown.endswith(b"\r\033[Kfastdl: interrupted\r\n")


@pytest.mark.usefixtures("signals_that_end")
@pytest.mark.parametrize(
    ("number", "code", "told"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_signals(number, code, told, data, tmp_path):
    saved = str(tmp_path / "net.npz")
    command = [sys.executable, "-m", "fastdl", "train", "lenet5", "--data", str(data), "--epochs", "1000000"]
    command += ["--save", saved]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("lenet5:")
        assert process.stdout.readline().startswith("epoch 1 ")
        assert process.stdout.readline().startswith("epoch 2 ")
        process.send_signal(number)
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code
    assert error == f"fastdl: {told}\n"
    assert fastdl.load(saved).output_shape == (10,)
    assert sorted(os.listdir(tmp_path)) == ["data", "net.npz"]


@pytest.mark.usefixtures("signals_that_end")
def test_a_program_that_runs_a_command_ends_by_a_signal_as_before(tmp_path):
    assert main(["predict", str(tmp_path / "none.npz"), "a"]) == 2
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_training_that_ends_before_its_time_has_saved_its_last_epoch(data, tmp_path, monkeypatch, capsys):
    saved, epochs = tmp_path / "net.npz", []

    def interrupt(self, net, done, total, logs):
        if logs["epoch"] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(PrintEpochs, "on_batch_block", interrupt)
    monkeypatch.setattr(
        PrintEpochs, "on_epoch_end", lambda self, net, epoch, logs: epochs.append(net.parameters.copy())
    )
    assert main(["train", "mlp", "--data", str(data), "--epochs", "5", "--save", str(saved)]) == 130
    assert (fastdl.load(saved).parameters == epochs[1]).all()
    assert (epochs[0] != epochs[1]).any()
    assert len(epochs) == 2
