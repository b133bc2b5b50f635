"""Readers against files made by chance: `python tests/fuzz.py TARGET [seconds]` looks for one that breaks a reader.

It is guided by what runs, with atheris (`pip install "fastdl[fuzz]"`), starts from tests/corpus/TARGET, and keeps what
it finds in the folder that FASTDL_FUZZ names, or a temporary one. A target takes the bytes of a file; it raises where a
reader does anything else than to refuse them with a ValueError that names the file, or to give what can be written and
read again.
"""

import contextlib
import gc
import gzip
import io
import json
import os
import sys
import tempfile
import types
from math import prod
from pathlib import Path

import numpy as np

import fastdl
from fastdl import _archive, saving
from fastdl.datasets import Trees, Vocabulary, read_idx, read_text, read_trees
from fastdl.export import from_onnx
from fastdl.trees.drawing import draw_tree

CORPUS = Path(__file__).parent / "corpus"
_FEW = 20_000  # numbers, of which a network is quickly made and run
_CODES = {"uint8": 8, "int8": 9, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
_GUIDING = ("fastdl", "json", "zipfile")  # packages whose branches guide the search
_folder = tempfile.TemporaryDirectory()


def idx(data):
    array = _read(read_idx, data)
    if array is not None:
        raw = data if data[:2] == b"\0\0" else _unzipped(data)
        header = bytes([0, 0, _CODES[array.dtype.name], array.ndim]) + np.array(array.shape, ">u4").tobytes()
        assert header + array.astype(array.dtype.newbyteorder(">")).tobytes() == raw


def _unzipped(data):
    return gzip.decompress(data)


def network(data):
    """Take a saved network, or a description alone, to which the arrays that belong to it are added."""
    if data[:1] == b"{":
        data = _with_arrays(data)
        if data is None:
            return
    net = _read(fastdl.load, data)
    if net is None:
        return
    again = _saved_and_loaded(net)
    assert again.get_config() == net.get_config()
    assert json.dumps(again.notes) == json.dumps(net.notes)
    assert again.parameters.tobytes() == net.parameters.tobytes()
    _used(net)


def _used(net):
    shape = tuple(n or 2 for n in net.input_shape)
    with contextlib.suppress(ValueError):  # parameters that are not finite, states of other samples, too few steps
        sizes = [prod(operation["output_shape"]) for operation in net.graph_for(shape).operations]
        if not net.is_of_trees and max([prod(shape), *sizes]) < _FEW:
            net.predict(np.zeros((2, *shape)))


def _with_arrays(text):
    try:
        expected = saving.expected(json.loads(text))
    except _archive.DAMAGE:
        expected = {}
    if sum(prod(shape) for _, shape in expected.values()) > _FEW:
        return None
    file = io.BytesIO()
    _archive.write(file, text, {name: np.zeros(shape, dtype) for name, (dtype, shape) in expected.items()})
    return file.getvalue()


def _saved_and_loaded(net):
    path = os.path.join(_folder.name, "again")
    net.save(path, training=net.training_state.moments is not None)
    return fastdl.load(path)


def onnx(data):
    net = _read(from_onnx, data)
    if net is not None:
        _used(net)


def trees(data):
    found = _read(read_trees, data)
    if found is None:
        return
    again = Trees.parse("\n".join(found.brackets()), names=found.names)
    for name in ("start", "parents", "labels", "height"):
        assert (getattr(again, name) == getattr(found, name)).all()
    assert again.words == found.words
    binary = found.binarize()
    assert binary.sentences() == found.sentences()
    assert set(binary.child_counts().tolist()) <= {0, 2}
    if len(found.words) < 100:
        assert draw_tree(found).count("\n") < found.start[1]


def text(data):
    found = _read(read_text, data)
    if found is None:
        return
    characters, words = (Vocabulary.of(found, words=kind) for kind in (False, True))
    assert characters.decode(characters.encode(found)) == found
    assert words.unknown(found) == []
    assert "<unk" in found or (words.encode(found) > 0).all()
    words.decode(words.encode(found))


def _read(read, data):
    """Return what a file of these bytes holds; None where it is refused as it should be."""
    path = os.path.join(_folder.name, "file")
    with open(path, "wb") as file:
        file.write(data)
    try:
        return read(path)
    except ValueError as error:
        refused = str(error)
    assert path in refused
    return None


TARGETS = {"idx": idx, "network": network, "onnx": onnx, "trees": trees, "text": text}


def seeds(target):
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def _instrument(atheris):
    for function in gc.get_objects():
        if isinstance(function, types.FunctionType) and str(function.__module__).split(".")[0] in _GUIDING:
            atheris.instrument_func(function)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python tests/fuzz.py {'|'.join(TARGETS)} [seconds]")
    try:
        import atheris
    except ImportError:
        sys.exit('fuzzing needs atheris: pip install "fastdl[fuzz]"')
    target, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "60"
    _instrument(atheris)
    found = os.environ.get("FASTDL_FUZZ") or tempfile.mkdtemp()
    os.makedirs(found, exist_ok=True)
    limits = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=20",
        "-rss_limit_mb=2000",
        "-print_final_stats=1",
    ]
    atheris.Setup(["fuzz", *limits, f"-artifact_prefix={found}/", found, str(CORPUS / target)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
