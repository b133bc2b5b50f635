"""Every reader against files that are none of its own: cut off, altered, of other kinds, or untrue of themselves.

Each is a ValueError that names the file, takes little memory, and lets nothing run. What is particular to a format
stands in the tests of its reader; here all are held to the same. Readers run in a process of their own, whose memory
is its own, and whose doings are watched.
"""

import contextlib
import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, callbacks, layers, models
from fastdl.cli import main
from fastdl.compat.mnist import ImageLoader
from fastdl.datasets import Vocabulary, read_idx, read_text, read_trees
from fastdl.export import from_keras, from_onnx, from_safetensors, to_onnx, to_safetensors
from fastdl.images import read_image
from fastdl.serve.shown import shown
from fastdl.sweeps.trials import Record

resource = pytest.importorskip("resource")  # which Windows has not
for package in ("onnx", "safetensors", "h5py", "PIL"):
    pytest.importorskip(package)

MOST_MEMORY = 100_000_000  # bytes, beside what reading whole files takes
CHANGES = 40  # of each sort
RUNNING = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.", "pickle.", "marshal.", "socket.",
    "webbrowser.",
)  # fmt: skip
X, Y = np.zeros((4, 3)), np.array([0, 1, 0, 1])


def small():
    return Sequential([layers.Dense(2)], input_shape=3, seed=0)


def trained(path):
    net = small()
    net.fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping("loss")])
    net.save(path, training=True)


def keras(path):
    with zipfile.ZipFile(Path(__file__).with_name("keras.zip")) as archive:
        path.write_bytes(archive.read("dense.keras"))


def of_keras():
    parts = [layers.Rescaling(0.5, 0.1), layers.Dense(4, "relu"), layers.BatchNorm(epsilon=1e-3), layers.Dropout(0.1)]
    return Sequential([*parts, layers.Dense(3), layers.Activation("softmax")], input_shape=5, seed=0)


def idx(path):
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(range(24)))


def zipped(path):
    idx(path)
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def image(path):
    from PIL import Image

    Image.new("L", (8, 8), 77).save(path, "PNG")


def record(path):
    kept = Record(path, {"data": "some"})
    kept.close()
    with path.open("a") as file:
        file.write('{"settings": {"lr": 0.1}, "figures": {"val_accuracy": 0.5}}\n')


def log_of(kind):
    def write(path):
        small().fit(X, Y, epochs=2, verbose=0, callbacks=[kind(path)])

    return write


def goes_on(kind):
    def read(path):
        small().fit(X, Y, initial_epoch=2, epochs=3, verbose=0, callbacks=[kind(path)])

    return read


def config(path):
    with contextlib.redirect_stderr(io.StringIO()) as told:
        code = main(["sweep", "--config", str(path), "--picture", "no.png"])  # which is refused once all else is read
    assert code == 2
    if "--picture must end" not in told.getvalue():
        raise ValueError(told.getvalue())


READERS = {
    "network": (trained, fastdl.load),
    "onnx": (lambda path: to_onnx(small(), path), from_onnx),
    "safetensors": (lambda path: to_safetensors(small(), path), from_safetensors),
    "keras": (keras, lambda path: from_keras(of_keras(), path)),
    "idx": (idx, read_idx),
    "gzipped": (zipped, read_idx),
    "image": (image, lambda path: read_image(path, (1, 4, 4))),
    "trees": (lambda path: path.write_text("(2 (3 a) (2 film))\n(1 bad)\n"), read_trees),
    "text": (lambda path: path.write_text("Words, and more words.\n"), read_text),
    "record": (record, lambda path: Record(path, {"data": "some"}).close()),
    "table": (log_of(callbacks.CSVLogger), goes_on(callbacks.CSVLogger)),
    "log": (log_of(callbacks.JSONLogger), goes_on(callbacks.JSONLogger)),
    "config": (lambda path: path.write_text("lr = [0.1, 0.2]\nhidden = [[3], [4, 5]]\n"), config),
    "article 3's": (zipped, lambda path: ImageLoader(path, 2).get_file_content()),
}
LOGS = {"table", "log"}  # which may be written to a pipe
OF_ANY = {"article 3's", "text"}  # which take others' files too


class Trap:
    def __reduce__(self):
        return os.system, ("echo trapped >&2",)


STRANGE = {
    "nothing": b"",
    "a byte": b"\0",
    "a pickle": pickle.dumps(Trap()),
    "an array of objects": None,  # which `np.save` writes
    "a script": b"#!/bin/sh\necho trapped >&2\n",
    "nested": b"[" * 100_000,
    "brackets": b"(" * 100_000,
    "braces": b'{"a":' * 100_000,
    "one long line": b"1" * 3_000_000,
    "zeros": bytes(3_000_000),
    "high bytes": b"\xff" * 3_000_000,
    "a bomb": gzip.compress(bytes(1 << 30), 1),  # four megabytes of a gigabyte
}


def strange(name):
    if name == "an array of objects":
        np.save(file := io.BytesIO(), np.array([Trap()], object), allow_pickle=True)
        return file.getvalue()
    return STRANGE[name]


def altered(whole, rng):
    """Yield files that are cut off, have a byte changed, or a size that is a huge one."""
    for _ in range(CHANGES):
        yield whole[: rng.integers(len(whole))]
    for _ in range(CHANGES):
        data = bytearray(whole)
        data[rng.integers(len(data))] = rng.integers(256)
        yield bytes(data)
    for number in (b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x40", b"99999999"):
        for _ in range(CHANGES // 4):
            data, place = bytearray(whole), rng.integers(len(whole))
            data[place : place + len(number)] = number
            yield bytes(data)


def watched(folder):
    """Read everything with every reader, in this process; tell what went wrong, what ran, and how memory grew."""
    folder = folder.resolve()
    os.chdir(folder)
    path, wrong, done, refused = folder / "file", [], [], dict.fromkeys(READERS, 0)
    files = {}
    for name, (write, read) in READERS.items():
        path.unlink(missing_ok=True)
        write(path)
        files[name] = path.read_bytes()
        read(path)

    def note(event, arguments):
        if event.startswith(RUNNING) or (event == "open" and is_elsewhere(arguments[0])):
            done.append(f"{event} {arguments}"[:200])

    def is_elsewhere(name):
        opened = Path(os.fsdecode(name)) if isinstance(name, (str, bytes)) else path
        opened = opened.resolve()
        return folder not in (opened, *opened.parents) and opened.suffix not in (".py", ".pyc")

    sys.addaudithook(note)
    before, grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, {}
    for name, (_, read) in READERS.items():
        rng = np.random.default_rng(0)
        cases = [(f"that of {other}", data) for other, data in files.items() if other != name]
        cases += [(f"strange: {kind}", strange(kind)) for kind in STRANGE]
        cases += [(f"altered {k}", data) for k, data in enumerate(altered(files[name], rng))]
        for case, data in cases:
            path.write_bytes(data)
            try:
                read(path)
            except ValueError as error:
                refused[name] += 1
                if str(path) not in str(error) or len(str(error)) > 3000:
                    wrong.append([name, case, repr(error)[:300]])
            except BaseException as error:
                wrong.append([name, case, repr(error)[:300]])
            else:
                if case.startswith("that of ") and name not in OF_ANY and data not in (files["idx"], files["gzipped"]):
                    wrong.append([name, case, "was taken"])
        grown[name] = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return {"wrong": wrong, "done": done, "refused": refused, "grown": grown}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    run = subprocess.run([sys.executable, __file__, folder], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return {**json.loads(run.stdout.splitlines()[-1]), "told": run.stderr}


def test_each_is_an_error_that_names_the_file(found):
    assert found["wrong"] == []
    assert {name: count for name, count in found["refused"].items() if count < 20} == {}


def test_nothing_runs(found):
    assert found["done"] == []
    assert "trapped" not in found["told"]


def test_memory_is_bounded(found):
    *others, last = READERS
    assert found["grown"][others[-1]] < MOST_MEMORY
    assert last == "article 3's"
    assert found["grown"][last] < 5 * MOST_MEMORY  # it gives what a file holds, whatever it is


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file(name, tmp_path):
    _, read = READERS[name]
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "folder", *([] if name in LOGS else [tmp_path / "pipe"])):
        with pytest.raises((ValueError, OSError), match=str(path)):
            read(path)


@pytest.mark.parametrize("name", READERS)
def test_names_that_are_no_text(name, tmp_path):
    """As of another machine's alphabet: bytes that are no UTF-8."""
    write, read = READERS[name]
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9\xff"))
    write(path)
    read(path)
    path.write_bytes(b"\0")
    with contextlib.suppress(ValueError):
        read(path)


def test_a_foreign_file_is_no_record_and_stays_as_it_is(tmp_path):
    path = tmp_path / "net.npz"
    trained(path)
    for whole in (path.read_bytes(), b"units,lr\n1,2", b"{}", b'{"sweep"'):
        path.write_bytes(whole)
        with contextlib.suppress(ValueError):
            Record(path, {"data": "some"}).close()
        assert path.read_bytes() == whole or whole == b'{"sweep"'  # which is the beginning of one


def test_half_a_record_goes_on(tmp_path):
    record(path := tmp_path / "runs.jsonl")
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        kept = Record(path, {"data": "some"})
        kept.close()
        assert kept.trials == {}
        assert path.read_bytes() == whole[: whole.index(b"\n") + 1]


NOTES = [
    None,
    True,
    -1,
    0.5,
    10**30,
    "",
    "a",
    [],
    [1],
    ["a"],
    ["a", "a"],
    [None] * 5,
    [["a"]] * 5,
    ["a"] * 5,
    {},
    {"a": 1},
]


def language_model():
    net = models.language_model(4, units=4, seed=0)
    net.notes = {"vocabulary": Vocabulary.of("ab\n").tokens, "words": False, "lines": False}
    return net


def classifier(make):
    def made():
        net = make(3, units=4, seed=0)
        net.notes = {"vocabulary": ["<unknown>", "a", "b"], "labels": [str(k) for k in range(5)], "python": False}
        return net

    return made


def of_images():
    net = models.mlp([16, 5], input_shape=(1, 4, 4), output=None, seed=0)
    net.notes = {"labels": list(range(5))}
    return net


KINDS = {
    "images": (of_images, ["predict", "NET", "image.png"], bytes(112 * 112 - 1) + b"\xff"),
    "text": (language_model, ["sample", "NET", "--length", "3"], b'{"text": "ab"}'),
    "sentiment": (classifier(lambda words, **more: models.tree_classifier(words, 5, **more)),
                  ["predict", "NET", "a b"], b'{"text": "a b"}'),
    "parser": (classifier(models.tree_parser), ["parse", "NET", "a b"], b'{"text": "a b"}'),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_notes_of_somebody_else(kind, tmp_path, monkeypatch, capsys):
    """Whatever a file notes, the commands end with a line, and a page is refused, or answers."""
    make, command, asked = KINDS[kind]
    monkeypatch.chdir(tmp_path)
    image(tmp_path / "image.png")
    net = make()
    own = dict(net.notes)
    if kind == "parser":
        del own["labels"]
    for name in [None, *own]:
        for value in NOTES:
            net.notes = own if name is None else {**own, name: value}
            net.save("net.npz")
            code = main([part.replace("NET", "net.npz") for part in command])
            assert code in (0, 2)
            assert code == 0 or name is not None
            with contextlib.suppress(ValueError):
                assert shown(fastdl.load("net.npz")).answer(asked)
    assert "Traceback" not in capsys.readouterr().err


if __name__ == "__main__":
    print(json.dumps(watched(Path(sys.argv[1]))))
