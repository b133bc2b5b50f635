"""Article 3: reading MNIST, and training a `fastdl.compat.bp.Network` on it until its error rises."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from .. import datasets
from .._archive import DAMAGE, Archive, damage, encode, write
from .._files import check_writable, open_file, replacing
from .._types import Array
from .._validation.values import as_int
from ..datasets.mnist import DATA
from ..images.idx import unpacked
from ._untouched import Steps
from .bp import Network

__all__ = [
    "ImageLoader",
    "LabelLoader",
    "Loader",
    "Network",
    "evaluate",
    "get_result",
    "get_test_data_set",
    "get_training_data_set",
    "now",
    "show",
    "train_and_evaluate",
]


_MOST = 1 << 28  # the most bytes of an unpacked file


class Loader:
    """A file of samples.

    Parameters
    ----------
    path : str
        An IDX file, raw or gzipped. If it does not exist, but has the name of one of MNIST's four files, the package's
        file is read.
    count : int
        The number of samples to take.
    """

    def __init__(self, path: str | os.PathLike[str], count: int) -> None:
        self.path, self.count = path, as_int(count, "count")

    def get_file_content(self) -> bytes:
        """Return the file's bytes, header included, unpacked if it is gzipped."""
        with unpacked(self._found()) as file:
            content: bytes = file.read(_MOST + 1)
        if len(content) > _MOST:
            raise ValueError(f"path must be a file of at most {_MOST:,} bytes; {self.path} holds more")
        return content

    def to_int(self, byte: int | bytes) -> int:
        """Return a byte as a number."""
        return byte if isinstance(byte, int) else byte[0]

    def _found(self) -> Path:
        path = Path(self.path)
        own = DATA / f"{path.name}.gz"
        return own if not path.exists() and path.parent == Path() and own.exists() else path

    def _read(self, axes: int) -> Array:
        values = datasets.read_idx(self._found())
        if values.ndim != axes or values.dtype != np.uint8:
            raise ValueError(f"path must be a file of bytes with {axes} axes; received {values.dtype} {values.shape}")
        if len(values) < self.count:
            raise ValueError(f"count must be at most {len(values)}, what {self.path} holds; received {self.count}")
        return values[: self.count]


class ImageLoader(Loader):
    """Images of 28 x 28 bytes."""

    def get_picture(self, content: Sequence[int], index: int) -> list[list[int]]:
        """Return rows of pixels of one image of a raw file's content."""
        start = 16 + index * 28 * 28
        rows = (content[start + i * 28 : start + (i + 1) * 28] for i in range(28))
        return [[self.to_int(byte) for byte in row] for row in rows]

    def get_one_sample(self, picture: Sequence[Sequence[int]]) -> list[int]:
        """Return the pixels in one row."""
        return [pixel for row in picture for pixel in row]

    def load(self) -> list[list[int]]:
        """Return all samples, each 784 numbers from 0 to 255."""
        if _READING.untouched(self):
            return self._read(3).reshape(self.count, -1).tolist()
        content = self.get_file_content()
        return [self.get_one_sample(self.get_picture(content, index)) for index in range(self.count)]


_READING = Steps(ImageLoader, "get_file_content", "to_int", "get_picture", "get_one_sample")


class LabelLoader(Loader):
    """Labels from 0 to 9."""

    def load(self) -> list[list[float]]:
        """Return all label vectors, each ten numbers."""
        whole = _READING_LABELS.untouched(self)
        labels = self._read(1).tolist() if whole else self.get_file_content()[8 : 8 + self.count]
        return [self.norm(label) for label in labels]

    def norm(self, label: int | bytes) -> list[float]:
        """Return ten numbers: 0.9 at the label, 0.1 elsewhere."""
        value = self.to_int(label)
        return [0.9 if i == value else 0.1 for i in range(10)]


_READING_LABELS = Steps(LabelLoader, "get_file_content")


def get_training_data_set() -> tuple[list[list[int]], list[list[float]]]:
    """Return MNIST's 60,000 training samples, lists of 784 numbers, and lists of their ten labels."""
    return ImageLoader("train-images-idx3-ubyte", 60000).load(), LabelLoader("train-labels-idx1-ubyte", 60000).load()


def get_test_data_set() -> tuple[list[list[int]], list[list[float]]]:
    """Return MNIST's 10,000 test samples, lists of 784 numbers, and lists of their ten labels."""
    return ImageLoader("t10k-images-idx3-ubyte", 10000).load(), LabelLoader("t10k-labels-idx1-ubyte", 10000).load()


def show(sample: Sequence[int]) -> None:
    """Print an image of 784 numbers, with a star for each pixel that has ink."""
    for i in range(28):
        print("".join("*" if pixel else " " for pixel in sample[i * 28 : (i + 1) * 28]))
    print()


def get_result(vec: Any) -> int:
    """Return the place of the largest number: the digit of a label or an output."""
    return max(range(len(vec)), key=vec.__getitem__)


def evaluate(network: Any, test_data_set: Any, test_labels: Any) -> float:
    """Compute the share of samples that the network classifies wrongly."""
    wrong = sum(
        get_result(label) != get_result(network.predict(sample))
        for sample, label in zip(test_data_set, test_labels, strict=True)
    )
    return wrong / len(test_labels)


def now() -> str:
    """Return the time."""
    return datetime.now().strftime("%c")


def train_and_evaluate(checkpoint: str | os.PathLike[str] = "mnist_bp.npz") -> Network:
    """Train a 784-300-10 network on MNIST at a rate of 0.3, and stop when its test error has risen.

    It is evaluated and saved every ten epochs; an interrupted run continues from there. Pixels are scaled to 0 to 1:
    with the bytes themselves every sigmoid saturates, and the network learns nothing.

    Parameters
    ----------
    checkpoint : path
        The file to save to, removed at the end.

    Returns
    -------
    Network
    """
    check_writable(checkpoint)
    checkpoint = Path(checkpoint)
    (train_bytes, train_labels), (test_bytes, test_labels) = get_training_data_set(), get_test_data_set()
    train_data_set, test_data_set = np.array(train_bytes, np.float32) / 255, np.array(test_bytes, np.float32) / 255
    network, epoch, last_error_ratio = Network([784, 300, 10]), 0, 1.0
    if checkpoint.exists():
        epoch, last_error_ratio = _resume(network, checkpoint)
        print(f"{now()} resumed after epoch {epoch}, error ratio {last_error_ratio:f}")
    while True:
        epoch += 1
        network.train(train_labels, train_data_set, 0.3, 1)
        print(f"{now()} epoch {epoch} finished")
        if epoch % 10 == 0:
            error_ratio = evaluate(network, test_data_set, test_labels)
            print(f"{now()} after epoch {epoch}, error ratio is {error_ratio:f}")
            if error_ratio > last_error_ratio:
                break
            last_error_ratio = error_ratio
            _save(network, epoch, error_ratio, checkpoint)
    checkpoint.unlink(missing_ok=True)
    return network


def _save(network: Network, epoch: int, error_ratio: float, checkpoint: Path) -> None:
    with replacing(checkpoint) as file:
        write(file, encode({"epoch": epoch, "error_ratio": error_ratio}), {"parameters": network.parameters})


def _resume(network: Network, checkpoint: Path) -> tuple[int, float]:
    parameters = network.parameters
    with open_file(checkpoint) as file:
        try:
            archive = Archive(file)
            config = archive.config()
            network.parameters = archive.array("parameters", parameters.dtype, parameters.shape)
            return int(config["epoch"]), float(config["error_ratio"])
        except DAMAGE as error:
            raise ValueError(
                f"checkpoint must be a file of this training; received {checkpoint}: {damage(error)}"
            ) from error
