"""What the compiled core must not do to its host, and where it must run."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import fastdl
from fastdl import _core, models

TRAIN = """
import numpy as np, fastdl
fastdl.set_num_threads({threads})
rng = np.random.default_rng(0)
x, y = rng.standard_normal((120, 1, 28, 28)), rng.integers(0, 10, 120)
net = fastdl.models.lenet5(seed=0, dtype="{dtype}", shift=1)
net.fit(x, y, epochs=2, batch_size=40, verbose=0)
print(fastdl._core.isa, *net.predict(x[:3]).ravel())
"""


def run(code, timeout=120, command=(sys.executable,), **environment):
    """Run code in another interpreter, from a folder that holds no source, and give what it prints."""
    done = subprocess.run(
        [*command, "-c", code], capture_output=True, text=True, timeout=timeout, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def results(out):
    isa, *numbers = out.split()
    return isa, np.array(numbers, float)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_instruction_set_of_this_processor_gives_the_same(dtype):
    code = TRAIN.format(threads=2, dtype=dtype)
    bound, expected = results(run(code))
    assert bound == _core._LEVELS[_core.features.level()][0]
    for isa in _core._LEVELS[_core.features.level()]:
        other, actual = results(run(code, FASTDL_ISA=isa))
        assert other == isa
        np.testing.assert_allclose(actual, expected, rtol=1e-3 if dtype == "float32" else 1e-10, atol=1e-4)


def test_an_unknown_instruction_set_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import fastdl"],
        capture_output=True, text=True, env={**os.environ, "FASTDL_ISA": "v9"},
    )  # fmt: skip
    assert done.returncode
    assert "FASTDL_ISA must be one of" in done.stderr
    for name in (_core.isa, f"x86-64-{_core.isa}"):
        assert run("from fastdl import _core; print(_core.isa)", FASTDL_ISA=name).strip() == _core.isa


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64 (Debian: apt install qemu-user)")
def test_a_processor_without_avx():
    code = TRAIN.format(threads=1, dtype="float32").replace("120", "16")
    emulated = ("qemu-x86_64", "-cpu", "Nehalem", os.path.realpath(sys.executable))
    # The emulator starts the bare interpreter: say where the packages are.
    path = os.pathsep.join(p for p in sys.path if p)
    # NumPy's own OpenBLAS takes the emulator for a processor with AVX, unless told.
    host = {"PYTHONPATH": path, "OPENBLAS_CORETYPE": "Nehalem"}
    isa, actual = results(run(code, timeout=600, command=emulated, **host))
    assert isa == "v2"
    _, expected = results(run(code, FASTDL_ISA="v2"))
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


def test_the_hosts_arithmetic_stays_as_it_was():
    """Denormals do not vanish, and the rounding mode and traps are those of before."""
    code = """
import ctypes, ctypes.util, numpy as np
tiny, tenth = np.float32(1e-38), np.float32(0.1)
libm = ctypes.CDLL(ctypes.util.find_library("m"))
assert tiny * tenth > 0
before = libm.fegetround(), libm.fegetexcept()
import fastdl
def check():
    assert tiny * tenth > 0
    assert (np.full(64, tiny) * tenth > 0).all()
    assert (libm.fegetround(), libm.fegetexcept()) == before
check()
for threads in (1, 2):
    fastdl.set_num_threads(threads)
    for dtype in ("float32", "float64"):
        net = fastdl.models.lenet5(dtype=dtype)
        net.fit(np.random.rand(200, 1, 28, 28), np.arange(200) % 10, verbose=0)
        check()
"""
    run(code)


def test_importing_is_light():
    """NumPy alone is imported, and what it imports itself."""
    code = """
import sys, numpy
before = set(sys.modules)
import fastdl
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*(name for name in new - sys.stdlib_module_names if "cython" not in name))  # which compiled modules make up
"""
    assert run(code).split() == ["fastdl"]


def test_an_unbuilt_folder_says_so(tmp_path):
    shutil.copytree(
        Path(fastdl.__file__).parent, tmp_path / "fastdl", ignore=shutil.ignore_patterns("*.so", "*.pyd", "data")
    )
    done = subprocess.run(
        [sys.executable, "-c", "import fastdl"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        f"ImportError: fastdl's compiled core for Python 3.{sys.version_info.minor} is not in {tmp_path}"
    )
    assert "python setup.py build_ext --inplace" in said


def test_building_without_a_compiler_says_so(tmp_path):
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    root = Path(__file__).parent.parent
    for command in (str(tmp_path / "none"), str(tmp_path), f"{sys.executable} -c 1/0"):
        done = subprocess.run(
            [sys.executable, "setup.py", "--version"],
            capture_output=True, text=True, cwd=root, env={**os.environ, "CC": command},
        )  # fmt: skip
        assert done.returncode == 1
        assert re.fullmatch("fastdl's core needs a C compiler, gcc or clang .*\n", done.stderr)


def test_show_config(capsys):
    fastdl.show_config()
    out = capsys.readouterr().out
    assert fastdl.__version__ in out
    assert _core.isa in out
    assert "threads" in out


def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((200, 1, 28, 28)), rng.integers(0, 10, 200)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_trains_after_its_parent_did():
    fastdl.set_num_threads(2)
    x, y = batch()
    net = models.lenet5(seed=0)
    net.fit(x, y, verbose=0)
    expected = models.lenet5(seed=1)
    expected.fit(x, y, verbose=0)
    child = os.fork()
    if not child:
        again = models.lenet5(seed=1)
        again.fit(x, y, verbose=0)
        os._exit(0 if (again.parameters == expected.parameters).all() else 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
    net.fit(x, y, verbose=0)  # and the parent goes on


def test_networks_on_several_python_threads():
    fastdl.set_num_threads(2)
    x, y = batch()
    expected = models.lenet5(seed=1)
    expected.fit(x, y, epochs=3, verbose=0)
    wanted = expected.predict(x)
    shared, outputs = models.lenet5(seed=1), {}
    shared.parameters[...] = expected.parameters

    def work(i):
        net = models.lenet5(seed=1)
        net.fit(x, y, epochs=3, verbose=0)
        outputs[i] = (net.predict(x) == wanted).all() and all((shared.predict(x) == wanted).all() for _ in range(20))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == dict.fromkeys(range(4), True)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.usefixtures("signals_that_end")
def test_ctrl_c_ends_a_long_training():
    code = """
import numpy as np, fastdl

class Ready(fastdl.callbacks.Callback):
    told = False

    def on_batch_block(self, net, done, total, logs):
        if not self.told:
            print("ready", flush=True)
        self.told = True

x, y = np.random.rand(5000, 1, 28, 28), np.arange(5000) % 10
net = fastdl.models.lenet5()
try:
    net.fit(x, y, epochs=10**9, callbacks=[Ready()], verbose=0)
except KeyboardInterrupt:
    assert np.isfinite(net.predict(x[:10])).all()
    print("stopped", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        assert out == "stopped\n"
    finally:
        process.kill()
        process.wait()
