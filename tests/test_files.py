"""Files: what is written is there whole or not at all, and what is read is a file."""

import errno
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import fastdl
from fastdl import Sequential, _files, layers
from fastdl._files import check_writable, replacing
from fastdl.datasets import Trees, read_idx, read_text, read_trees
from fastdl.trees.drawing import save_picture

_NOBODY = 65534


@pytest.fixture
def net():
    return Sequential([layers.Dense(4)], input_shape=3, seed=0)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def write(path, data):
    with replacing(path) as file:
        file.write(data)


def test_modes(tmp_path, umask):
    """A new file has that of the umask, which nobody changes meanwhile; another keeps its own."""
    path, meanwhile = tmp_path / "file", []
    with replacing(path) as file:
        file.write(b"1")
        meanwhile.append(os.umask(umask))
    assert meanwhile == [umask]
    assert mode(path) == 0o640
    for kept in (0o600, 0o664, 0o755):
        path.chmod(kept)
        with replacing(path) as file:
            file.write(b"2")
            assert os.fstat(file.fileno()).st_mode & 0o777 == kept
        assert mode(path) == kept


def test_names_as_long_as_they_may_be(net, tmp_path):
    for name in ("n" * 255, "é" * 127, "𝄞" * 63):
        check_writable(tmp_path / name)
        net.save(tmp_path / name)
        assert fastdl.load(tmp_path / name).parameters.size == 16
    for write in (check_writable, net.save):
        with pytest.raises(OSError, match="too long") as error:
            write(tmp_path / ("n" * 256))
        assert error.value.errno == errno.ENAMETOOLONG
        assert error.value.filename == str(tmp_path / ("n" * 256))
    assert len(os.listdir(tmp_path)) == 3


def test_checking_leaves_everything_as_it_was(tmp_path):
    check_writable(tmp_path / "new")
    (tmp_path / "old").write_bytes(b"old")
    check_writable(tmp_path / "old")
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


@pytest.mark.parametrize("path", ["nowhere/file", "old/file", "loop"])
def test_an_error_names_the_path(path, tmp_path, net):
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "loop").symlink_to("loop")
    for write in (check_writable, net.save):
        with pytest.raises(OSError) as error:  # noqa: PT011 - whose message is the system's
            write(tmp_path / path)
        assert error.value.filename == str(tmp_path / path)


@pytest.fixture
def folder():
    """One of a user for whom a file can be read-only: of nobody where that is root."""
    with tempfile.TemporaryDirectory() as name:
        root = os.geteuid() == 0
        if root:
            os.chown(name, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, 0)
        yield Path(name)
        if root:
            os.setresuid(0, 0, 0)


def test_what_is_read_only_stays(folder, net):
    path = folder / "file"
    path.write_bytes(b"old")
    path.chmod(0o400)
    for write in (check_writable, net.save):
        with pytest.raises(PermissionError, match=str(path)):
            write(path)
    path.chmod(0o600)
    folder.chmod(0o500)
    for write in (check_writable, net.save):
        with pytest.raises(PermissionError, match=str(path)):
            write(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(folder) == ["file"]
    folder.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, _NOBODY, _NOBODY)
    path.chmod(0o640)
    write(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (_NOBODY, _NOBODY, 0o640)


def test_a_full_disk(tmp_path):
    """Here a limit on the size of files, which ends in the same way."""
    path = tmp_path / "net.npz"
    Sequential([layers.Dense(2)], input_shape=3, seed=0).save(path)
    before = path.read_bytes()
    script = "\n".join([
        "import sys; from fastdl import Sequential, layers",
        "net = Sequential([layers.Dense(300)], input_shape=300)",
        "try: net.save(sys.argv[1])",
        "except OSError as error: print(error.filename)",
    ])  # fmt: skip
    for limit in (20_000, 361_000):  # in the midst of the weights, and after them
        run = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True,
            preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )  # fmt: skip
        assert (run.stdout, run.stderr) == (f"{path}\n", "")
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["net.npz"]


def test_what_was_left_is_removed(tmp_path):
    path = tmp_path / "file"
    script = "import os, sys; from fastdl._files import replacing\nwith replacing(sys.argv[1]): os.kill(os.getpid(), 9)"
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -9
        assert os.listdir(tmp_path) == [".file.0.tmp"]
    (tmp_path / ".file.1.tmp").write_bytes(b"of one who saved at the same time")
    write(path, b"whole")
    assert os.listdir(tmp_path) == ["file"]


def test_savers_side_by_side(tmp_path):
    """Each writes a file of its own, takes no other's for left, and the last one's counts."""
    path = tmp_path / "file"
    with replacing(path) as first:
        first.write(b"first")
        with replacing(path) as second:
            second.write(b"second")
            assert sorted(os.listdir(tmp_path)) == [".file.0.tmp", ".file.1.tmp"]
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_many_savers(tmp_path):
    path, failed = tmp_path / "file", []

    def save(data):
        try:
            for _ in range(50):
                write(path, data)
                if path.read_bytes() not in contents:
                    failed.append("torn")
        except BaseException as error:
            failed.append(error)

    contents = [bytes([i]) * 10_000 for i in range(6)]
    threads = [threading.Thread(target=save, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert os.listdir(tmp_path) == ["file"]


def test_an_interruption_leaves_the_old_file(tmp_path):
    write(tmp_path / "file", b"old")

    def interrupted():
        with replacing(tmp_path / "file") as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_what_is_written_lasts(tmp_path, monkeypatch):
    """The file before it gets its name, and the name afterwards."""
    synced, fsync, replace = [], os.fsync, os.replace

    def note_sync(descriptor):
        synced.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size)
        fsync(descriptor)

    def note_name(old, new):
        synced.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_name)
    write(tmp_path / "file", b"whole")
    assert synced == [5, "name", "folder"]


def test_links_stay(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/file")  # which is not there yet
    for data in (b"first", b"second"):
        write(tmp_path / "link", data)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "folder" / "file").read_bytes() == data
    assert os.listdir(tmp_path / "folder") == ["file"]


def test_where_open_files_cannot_be_moved(tmp_path, monkeypatch):
    """As on Windows, without what POSIX has."""
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_NOFOLLOW", "fchown", "fchmod"):
        monkeypatch.delattr(os, name)
    monkeypatch.delattr(_files, "fcntl")
    monkeypatch.setattr(_files, "_POSIX", False)
    for function in (os.replace, os.unlink):

        def checked(path, *others, function=function):
            opened = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
            assert os.path.realpath(path) not in opened
            function(path, *others)

        monkeypatch.setattr(os, function.__name__, checked)
    path, moved = tmp_path / "file", os.replace
    for data in (b"first", b"second"):
        check_writable(path)
        write(path, data)
        with _files.open_file(path) as file:
            assert file.read() == data
    with replacing(path) as first, replacing(path) as second:
        first.write(b"third")
        second.write(b"fourth")
    assert path.read_bytes() == b"third"

    def refused(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "replace", refused)  # while another program has the old file open
    with pytest.raises(PermissionError) as error:
        write(path, b"fifth")
    assert error.value.filename == str(path)
    monkeypatch.setattr(os, "replace", moved)
    assert path.read_bytes() == b"third"
    assert os.listdir(tmp_path) == ["file"]


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    tree = Trees.of(("a", "b"))
    for name, start in (("tree.svg", b"<?xml"), ("tree.PNG", b"\x89PNG"), ("tree", b"\x89PNG")):
        save_picture(tree, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    (tmp_path / "old.xyz").write_bytes(b"old")
    with pytest.raises(ValueError, match="xyz"):
        save_picture(tree, tmp_path / "old.xyz")
    assert (tmp_path / "old.xyz").read_bytes() == b"old"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_picture(tree, tmp_path / "nowhere" / "tree.png")
    assert sorted(os.listdir(tmp_path)) == ["old.xyz", "tree", "tree.PNG", "tree.svg"]


READERS = (fastdl.load, read_text, read_trees, read_idx)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty", "pipe"])
def test_what_never_ends_or_begins(read, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    if path == "/dev/tty" and not os.path.exists(path):
        pytest.skip("there is no terminal")
    with pytest.raises((ValueError, OSError), match=path):
        read(path)


@pytest.mark.parametrize("read", [*READERS, lambda path: Sequential([layers.Dense(1)], input_shape=1).save(path)])
def test_what_is_no_path(read):
    first, second = os.pipe()
    for wrong in (first, True, None, 3.5, ["a"], np.zeros(900)):
        with pytest.raises(TypeError, match=r"path must be a path; received .{1,60}$"):
            read(wrong)
    with pytest.raises(ValueError, match="path must be a path, without zero bytes"):
        read("a\0b")
    os.close(first)  # which is open still
    os.close(second)


def test_paths_of_every_kind(tmp_path, net):
    for path in (str(tmp_path / "a"), os.fsencode(tmp_path / "b"), tmp_path / "c"):
        net.save(path)
        assert (fastdl.load(path).predict(np.ones((1, 3))) == net.predict(np.ones((1, 3)))).all()


@pytest.mark.parametrize("name", ["open", "fchmod"])
def test_ctrl_c_before_the_first_byte_leaves_nothing(name, tmp_path, monkeypatch):
    """A handler is called once the system has done what it was asked, before Python has its answer."""
    path, real = tmp_path / "net.npz", getattr(os, name)
    net = Sequential([layers.Dense(2)], input_shape=3, seed=0)
    net.save(path)

    def interrupted(*given):
        answer = real(*given)
        if name == "open" and len(given) < 3:  # not that of a file to write
            return answer
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        net.save(path)
    assert os.listdir(tmp_path) == ["net.npz"]
