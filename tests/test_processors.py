"""How many threads there are by default: what a process is told and allowed, read where it runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastdl
from fastdl._processors import quotas, usable_processors

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "33 31 0:30 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
OTHERS = (
    "31 23 0:28 / /sys rw,relatime - sysfs sysfs rw\n32 31 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
)


def found(root, mounts, groups, files):
    for name, text in {"proc/self/mountinfo": mounts, "proc/self/cgroup": groups, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(quotas(root))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("200000 100000", [2]),
        ("150000 100000", [2]),  # rounded up
        ("1000 100000", [1]),
        ("max 100000", []),
        ("max", []),
        ("", []),
        ("100000 0", []),
    ],
)
def test_version_2(tmp_path, limit, expected):
    assert found(tmp_path, OTHERS + V2, "0::/\n", {"sys/fs/cgroup/cpu.max": limit + "\n"}) == expected


def test_groups_around_a_group(tmp_path):
    files = {
        "sys/fs/cgroup/a.slice/b c.scope/cpu.max": "800000 100000\n",
        "sys/fs/cgroup/a.slice/cpu.max": "300000 100000\n",
        "sys/fs/cgroup/other/cpu.max": "100000 100000\n",
    }
    assert sorted(found(tmp_path, OTHERS + V2, "1:name=systemd:/x\n0::/a.slice/b c.scope\n", files)) == [3, 8]


@pytest.mark.parametrize(
    ("top", "path"),
    [
        ("/", "/"),
        ("/docker/0f", "/docker/0f"),  # a container that sees its group's name from outside
        ("/", "/docker/0f"),  # and one in whose file system that leads nowhere
        ("/../..", "/../../docker/0f"),
    ],
)
@pytest.mark.parametrize(("quota", "expected"), [("250000", [3]), ("-1", []), ("", [])])
def test_version_1(tmp_path, top, path, quota, expected):
    files = {
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": quota + "\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpuset/cpu.cfs_quota_us": "100000\n",
        "sys/fs/cgroup/cpuset/cpu.cfs_period_us": "100000\n",
    }
    mounts = OTHERS + V1.format(top=top)
    assert found(tmp_path, mounts, f"4:cpuset:{path}\n3:cpu,cpuacct:{path}\n", files) == expected


def test_both_versions_at_once(tmp_path):
    files = {
        "sys/fs/cgroup/cpu,cpuacct/in/cpu.cfs_quota_us": "400000",
        "sys/fs/cgroup/cpu,cpuacct/in/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/unified/cpu.max": "max 100000",
    }
    mounts = V1.format(top="/") + V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    assert found(tmp_path, mounts, "3:cpu,cpuacct:/in\n0::/in\n", files) == [4]


@pytest.mark.parametrize(("mounts", "groups"), [("", ""), ("nonsense\n - \n - cgroup2\n" + V2, "nonsense\n::\n")])
def test_what_is_unlike_anything_known_limits_nothing(tmp_path, mounts, groups):
    assert list(quotas(tmp_path)) == []
    assert found(tmp_path, mounts, groups, {}) == []


NAMES = ("FASTDL_NUM_THREADS", "OMP_NUM_THREADS")


def threads(before="", **environment):
    """Return the number of threads in another process."""
    code = f"import os\n{before}\nimport fastdl\nprint(fastdl.get_num_threads())"
    others = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**others, **environment})
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture
def default(monkeypatch):
    """Return what a process would find that has this environment."""

    def default(**environment):
        for name in NAMES:
            monkeypatch.setenv(name, environment.get(name, ""))
        return fastdl._threads._default.__wrapped__()

    return default


def test_the_environment(default):
    most = default()
    assert most == threads() == usable_processors()
    assert default(FASTDL_NUM_THREADS="3") == threads(FASTDL_NUM_THREADS="3") == 3
    assert default(FASTDL_NUM_THREADS="3", OMP_NUM_THREADS="1") == 3
    assert default(OMP_NUM_THREADS="1") == default(OMP_NUM_THREADS=" 1,4 ") == 1
    assert default(OMP_NUM_THREADS=str(most + 1)) == most
    for malformed in ("0", "-1", "many", ",2", "1.5"):
        assert default(OMP_NUM_THREADS=malformed) == most


@pytest.mark.parametrize("wanted", ["many", "0", "-2", "1.5", " "])
def test_a_malformed_environment(default, wanted):
    with pytest.raises(ValueError, match=f"FASTDL_NUM_THREADS must be a positive integer; received '{wanted}'"):
        default(FASTDL_NUM_THREADS=wanted)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs sched_setaffinity")
def test_affinity():
    assert threads("os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])") == 1


def test_each_training_has_the_threads_that_its_environment_says(monkeypatch):
    """As in a worker of Ray's, which is given tasks of one processor and of others; and what is set wins."""
    seen = []
    monkeypatch.setattr(fastdl._threads, "_threads", 0)

    class Sees(fastdl.callbacks.Callback):
        def on_epoch_end(self, net, epoch, logs):
            seen.append(fastdl.get_num_threads())

    net = fastdl.models.mlp((2, 1), seed=0)
    for name, value in (("OMP", "1"), ("FASTDL", "3"), ("FASTDL", "5"), ("FASTDL", "")):
        monkeypatch.setenv(f"{name}_NUM_THREADS", value)
        net.fit(np.zeros((4, 2)), np.zeros((4, 1)), loss="squared_error", callbacks=[Sees()], verbose=0)
    assert seen == [1, 3, 5, 1]
    fastdl.set_num_threads(2)
    monkeypatch.setenv("FASTDL_NUM_THREADS", "7")
    net.fit(np.zeros((4, 2)), np.zeros((4, 1)), loss="squared_error", callbacks=[Sees()], verbose=0)
    assert seen[-1] == 2


def test_what_is_set_wins():
    code = "import fastdl\nfastdl.set_num_threads(5)"
    assert threads(code, FASTDL_NUM_THREADS="3", OMP_NUM_THREADS="1") == 5


@pytest.mark.parametrize("n", [65, 2**31 - 1])
def test_more_threads_than_there_can_be(default, n):
    fastdl.set_num_threads(n)
    assert fastdl.models.mlp((2, 1), seed=0).predict([[1.0, 2.0]]).shape == (1, 1)
    assert default(FASTDL_NUM_THREADS=str(n)) == fastdl.get_num_threads() == 64
    threads_of_the_core = Path(__file__).parent.parent / "src" / "meeting.h"
    assert "#define MAX_WORKERS 64\n" in threads_of_the_core.read_text(encoding="utf-8")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_has_its_own():
    """A pool's initializer speaks to its worker, though its parent has looked already."""
    code = """
import multiprocessing, fastdl

def told(name, value):
    os.environ[name] = value

def asked(_):
    return fastdl.get_num_threads()

before, fork = fastdl.get_num_threads(), multiprocessing.get_context("fork")
for name, value in ("FASTDL_NUM_THREADS", "7"), ("OMP_NUM_THREADS", "1"):
    with fork.Pool(1, told, (name, value)) as pool:
        assert pool.map(asked, [0]) == [int(value)]
fastdl.set_num_threads(6)
with fork.Pool(1, told, ("OMP_NUM_THREADS", "1")) as pool:
    assert pool.map(asked, [0]) == [6]
fastdl._threads._threads = 0
assert fastdl.get_num_threads() == before
"""
    assert threads(code) == usable_processors()


def test_joblibs_workers_share_the_processors():
    pytest.importorskip("joblib")
    code = """
from joblib import Parallel, delayed

def asked(_):
    import fastdl
    return fastdl.get_num_threads()

processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
assert set(Parallel(n_jobs=2)(delayed(asked)(i) for i in range(2))) == {max(1, processors // 2)}
"""
    threads(code)
