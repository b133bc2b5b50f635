import signal
import sys
import types

import numpy as np
import pytest
from hypothesis import settings

import fastdl
from fastdl import optimizers

settings.register_profile("fastdl", deadline=None, max_examples=60, print_blob=True)
settings.load_profile("fastdl")

# Relative to the largest number of the array, but to 1 at least: the tests' numbers are about that large, and where a
# few of them cancel, their rounding remains.
TOLERANCE = {"float32": 3e-5, "float64": 1e-12}


def close(actual, expected, dtype="float64"):
    """Assert that arrays agree to rounding."""
    expected = np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max(initial=0) <= TOLERANCE[dtype] * max(np.abs(expected).max(initial=0), 1.0)


def assert_same(one, other):
    """Assert that arrays are the same, one after another, to the bit."""
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a, b)


def assert_threads_and_batches_change_nothing(make, x, y):
    """Assert that a network is trained, and predicts, the same to the bit by 1 to 3 threads and in any batches."""
    given = []
    for threads in (1, 2, 3):
        fastdl.set_num_threads(threads)
        net = make()
        net.fit(x, y, batch_size=16, epochs=2, loss="squared_error", optimizer=optimizers.SGD(0.01), verbose=0)
        whole = net.predict(x)
        assert all((net.predict(x[i : i + n]) == whole[i : i + n]).all() for i in (0, 7) for n in (1, 2, 9))
        given.append((net.parameters.copy(), whole, net.forward(x), net.backward(y)))
    for others in given[1:]:
        assert_same(others, given[0])


@pytest.fixture(autouse=True)
def _threads():
    """Leave the number of threads as it was."""
    before = fastdl.get_num_threads()
    yield
    fastdl.set_num_threads(before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def signals_that_end():
    """Let the processes of a test heed Ctrl-C and SIGTERM, even if this one, in the background, ignores them."""
    default = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in default.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Display:
    """A stand-in for IPython's `display` that records what a notebook would show."""

    def __init__(self):
        self.shown, self.in_notebook = [], True

    def __call__(self, thing, display_id=False):
        self.update(thing)
        return self if self.in_notebook else None

    def update(self, thing):
        self.shown.append(thing._repr_html_())


@pytest.fixture
def notebook(monkeypatch):
    module = types.ModuleType("IPython.display")
    module.display = Display()
    package = types.ModuleType("IPython")
    package.version_info = (9, 0, 0)  # matplotlib reads it when it is imported
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return module.display
