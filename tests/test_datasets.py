"""IDX files, friendly and hostile, and MNIST itself."""

import gzip
import hashlib
import struct
import tracemalloc

import numpy as np
import pytest

from fastdl import datasets
from fastdl.datasets import idx_folder, read_idx

CODES = {"u1": 8, "i1": 9, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def encode(array):
    kind = array.dtype.str[1:]
    header = bytes([0, 0, CODES[kind], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def file(tmp_path):
    def write(data):
        path = tmp_path / "file"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_every_type(kind, compress, file, rng):
    array = (100 * rng.standard_normal((3, 4, 5))).astype(kind)
    loaded = read_idx(file(compress(encode(array))))
    assert loaded.dtype == kind
    assert loaded.dtype.isnative
    assert (loaded == array).all()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_file_that_is_longer_by_a_piece(compress, file, monkeypatch):
    """However much of it is read at a time."""
    monkeypatch.setattr("fastdl.images.idx._PIECE", 4)
    data = encode(np.arange(8, dtype="u1"))
    assert (read_idx(file(compress(data))) == np.arange(8)).all()
    with pytest.raises(ValueError, match="it holds more"):
        read_idx(file(compress(data + b"9")))


WHOLE = encode(np.arange(60, dtype="u1").reshape(3, 4, 5))
HUGE = bytes([0, 0, 8, 4]) + struct.pack(">4I", *[2**32 - 1] * 4) + bytes(100)
HOSTILE = {
    "empty": (b"", "must begin with 4 bytes of magic number; it has 0"),
    "half a magic number": (WHOLE[:2], "magic number; it has 2"),
    "no header": (WHOLE[:9], "must hold 3 axis sizes in 12 bytes; it has 5"),
    "truncated": (WHOLE[:-1], r"must hold 60 bytes of data for shape \(3, 4, 5\); it holds only 59"),
    "too long": (WHOLE + b"x", "must hold 60 bytes .* it holds more"),
    "another magic number": (b"\x01" + WHOLE[1:], "magic number of an IDX file; received 0x01000803"),
    "another type": (WHOLE[:2] + b"\x0a" + WHOLE[3:], "magic number .* received 0x00000a03"),
    "no axes": (b"\0\0\x08\0x", "magic number .* received 0x00000800"),
    "overflowing": (HUGE, f"must hold {(2**32 - 1) ** 4} bytes .* it holds only 100"),
    "overflowing beside a zero": (
        bytes([0, 0, 8, 4]) + struct.pack(">4I", 0, *[2**32 - 1] * 3),
        r"an array that fits the memory; received shape \(0, 4294967295, ",
    ),
    "text": (b"<html>not found</html>", "magic number"),
}


@pytest.mark.parametrize(("data", "message"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_hostile(data, message, compress, file):
    path = file(compress(data))
    with pytest.raises(ValueError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)


def test_damaged_compression(file):
    data = bytearray(gzip.compress(WHOLE))
    with pytest.raises(ValueError, match="must be a whole gzip file"):
        read_idx(file(bytes(data[:-6])))
    data[-6] ^= 1
    with pytest.raises(ValueError, match="must be a whole gzip file; CRC"):
        read_idx(file(bytes(data)))
    with pytest.raises(ValueError, match="must be a whole gzip file"):
        read_idx(file(b"\x1f\x8b" + bytes(30)))


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(WHOLE + bytes(100_000_000)),  # expands past its header
        HUGE,
        bytes([0, 0, 8, 1]) + struct.pack(">I", 2**32 - 1) + bytes(100),  # claims four gigabytes
    ],
)
def test_memory_stays_within_what_is_there(data, file):
    path = file(data)
    del data
    tracemalloc.start()
    with pytest.raises(ValueError, match="must hold"):
        read_idx(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def write_folder(folder, train=20, test=10, size=(28, 28), compress=bytes, suffix="", dot=False):
    rng = np.random.default_rng(0)
    for part, samples in (("train", train), ("t10k", test)):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (samples, *size), "u1")),
            ("labels-idx1", rng.integers(0, 10, samples, "u1")),
        ):
            name = f"{part}-{kind}-ubyte{suffix}"
            (folder / (name.replace("-idx", ".idx") if dot else name)).write_bytes(compress(encode(array)))


@pytest.mark.parametrize(
    "how", [{}, {"compress": gzip.compress, "suffix": ".gz"}, {"dot": True}, {"size": (9, 7)}], ids=str
)
def test_a_folder(how, tmp_path):
    write_folder(tmp_path, **how)
    (x_train, y_train), (x_test, _) = idx_folder(tmp_path)
    size = how.get("size", (28, 28))
    assert x_train.shape == (20, 1, *size)
    assert x_test.shape == (10, 1, *size)
    assert x_train.dtype == np.float32
    assert y_train.dtype == np.int64
    assert 0 <= x_train.min() < x_train.max() <= 1
    assert idx_folder(tmp_path, "float64")[0][0].dtype == np.float64


def test_a_wrong_folder(tmp_path):
    with pytest.raises(ValueError, match="directory must be a folder of IDX files"):
        idx_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="must hold train-images-idx3-ubyte or"):
        idx_folder(tmp_path)
    write_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(encode(np.zeros(19, "u1")))
    with pytest.raises(ValueError, match="must hold as many images as there are labels, 19; it holds 20"):
        idx_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(encode(np.zeros((20, 1), "u1")))
    with pytest.raises(ValueError, match=r"must hold integers on 1 axis; it holds uint8 of shape \(20, 1\)"):
        idx_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(encode(np.zeros(20, "f4")))
    with pytest.raises(ValueError, match="must hold integers on 1 axis; it holds float32"):
        idx_folder(tmp_path)
    write_folder(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(encode(np.zeros((10, 4, 4), "u1")))
    with pytest.raises(ValueError, match=r"of one size; received \(1, 28, 28\) for training and \(1, 4, 4\)"):
        idx_folder(tmp_path)
    for images in (np.zeros((10, 28, 28), "f4"), np.zeros((10, 28), "u1"), np.zeros((10, 0, 28), "u1")):
        (tmp_path / "t10k-images-idx3-ubyte").write_bytes(encode(images))
        with pytest.raises(ValueError, match="must hold unsigned bytes on 3 or 4 axes; it holds "):
            idx_folder(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(encode(np.zeros((10, 3, 28, 3), "u1")))
    with pytest.raises(ValueError, match=r"must hold fewer channels than .*; its shape is \(10, 3, 28, 3\)"):
        idx_folder(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(
        ValueError, match=r"must hold t10k-images-idx3-ubyte or t10k-images-idx3-ubyte\.gz; it holds neither"
    ):
        idx_folder(tmp_path)


def write_splits(folder, splits, names="{}-{}-ubyte"):
    for part, images, labels in splits:
        for kind, array in ((f"images-idx{images.ndim}", images), ("labels-idx1", labels)):
            (folder / names.format(part, kind)).write_bytes(encode(array))


@pytest.mark.parametrize("transpose", [False, True])
def test_channels_before_behind_and_none(transpose, tmp_path, rng):
    for channels in (1, 3):
        images = rng.integers(0, 256, (6, channels, 4, 5), "u1")
        expected = (images.swapaxes(2, 3) if transpose else images) / 255
        for lying in (images, images.transpose(0, 2, 3, 1), images[:, 0])[: 3 if channels == 1 else 2]:
            folder = tmp_path / f"{channels}{lying.shape}"
            folder.mkdir()
            write_splits(
                folder, [("train", lying, np.arange(6, dtype="u1")), ("t10k", lying, np.arange(6, dtype="u1"))]
            )
            (x_train, _), (x_test, _) = idx_folder(folder, "float64", transpose=transpose)
            for x in (x_train, x_test):
                np.testing.assert_allclose(x, expected)
                assert x.flags.c_contiguous


def test_labels_are_those_of_the_files(tmp_path):
    images = np.zeros((3, 2, 2), "u1")
    for kind, labels in (
        ("u1", [1, 26, 200]),
        ("i1", [-1, 5, 0]),
        ("i2", [300, 0, 1]),
        ("i4", [2**31 - 1, 0, -(2**31)]),
    ):
        write_splits(tmp_path, [(part, images, np.array(labels, kind)) for part in ("train", "t10k")])
        y = idx_folder(tmp_path)[0][1]
        assert y.dtype == np.int64
        assert y.tolist() == labels


def test_names_with_a_data_set_s_before(tmp_path, rng):
    train, test = (
        (part, rng.integers(0, 256, (4, 2, 2), "u1"), np.arange(4, dtype="u1")) for part in ("train", "test")
    )
    write_splits(tmp_path, [train, test], "emnist-letters-{}-{}-ubyte")
    (x_train, _), (x_test, _) = idx_folder(tmp_path)
    np.testing.assert_allclose(x_train[:, 0], train[1] / 255, rtol=1e-6)
    np.testing.assert_allclose(x_test[:, 0], test[1] / 255, rtol=1e-6)
    raw = tmp_path / "emnist-letters-train-images-idx3-ubyte"  # the same twice
    (tmp_path / f"{raw.name}.gz").write_bytes(gzip.compress(raw.read_bytes()))
    (x_again, _), _ = idx_folder(tmp_path)
    assert (x_again == x_train).all()
    (tmp_path / raw.name.replace("-idx", ".idx")).write_bytes(raw.read_bytes())
    (tmp_path / "of-train-images-idx3-ubyte").mkdir()
    (x_again, _), _ = idx_folder(tmp_path)
    assert (x_again == x_train).all()
    write_splits(tmp_path, [train, test], "emnist-digits-{}-{}-ubyte")
    with pytest.raises(
        ValueError,
        match=r"must hold the four files of one data set; it holds "
        r"emnist-digits-train-images-idx3-ubyte, emnist-letters-train-images-idx3-ubyte$",
    ):
        idx_folder(tmp_path)


def test_mnist():
    (x_train, y_train), (x_test, y_test) = datasets.mnist()
    assert x_train.shape == (60_000, 1, 28, 28)
    assert x_test.shape == (10_000, 1, 28, 28)
    assert x_train.min() == 0
    assert x_train.max() == 1
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    pixels = np.round(x_train * 255).astype("u1")
    digest = hashlib.sha256(encode(pixels[:, 0])).hexdigest()
    assert digest == "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    digest = hashlib.sha256(encode(y_train.astype("u1"))).hexdigest()
    assert digest == "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
