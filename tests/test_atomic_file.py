"""A file is replaced whole or not at all, whatever the disk says, and nothing is left beside it."""

import errno
import fcntl
import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import portanet
from portanet.atomic_file import remove_leftovers, replace_file

ROOT = str(Path(portanet.__file__).parents[1])
OLD, NEW = b"old" * 1000, b"new" * 100_000


def put(path, content=NEW):
    replace_file("save", path, lambda file: file.write(content))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.safetensors"
    path.write_bytes(OLD)
    return path


def unchanged(path):
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == [path.name]


def test_the_file_is_on_the_disk_before_its_name_is_and_the_name_before_the_call_returns(
    path, monkeypatch
):
    calls, fsync, replace = [], os.fsync, os.replace

    def noted_fsync(number):
        kind = "folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file"
        calls.append((f"fsync {kind}", None if kind == "folder" else os.fstat(number).st_size))
        fsync(number)

    def noted_replace(source, target):
        calls.append(("replace", os.path.getsize(source)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    put(path)
    assert calls == [("fsync file", len(NEW)), ("replace", len(NEW)), ("fsync folder", None)]


@pytest.mark.parametrize("kind", ["a", "ä", "x" * 90])
def test_names_of_250_bytes_are_written(kind, tmp_path):
    name = (kind * 250)[: 250 // len(kind.encode())]
    put(tmp_path / name)
    assert (tmp_path / name).read_bytes() == NEW
    assert os.listdir(tmp_path) == [name]


def test_of_a_link_the_file_behind_is_replaced_and_the_partial_file_lies_beside_that(tmp_path):
    (tmp_path / "disk").mkdir()
    link, seen = tmp_path / "latest", []
    link.symlink_to(tmp_path / "disk" / "run")
    replace_file("save", link, lambda file: seen.append(Path(file.name).parent))
    assert seen == [tmp_path / "disk"]
    assert link.is_symlink()
    assert os.listdir(tmp_path / "disk") == ["run"]


def test_a_file_that_may_grow_no_further_leaves_the_older_one(path):
    """The process may write 100 kB a file (RLIMIT_FSIZE): the error is the operating system's."""
    code = (
        "import resource; from test_atomic_file import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        f"path = Path({str(path)!r})\n"
        "try: put(path)\n"
        "except OSError as error: print(error.errno, error)\n"
        "unchanged(path); put(path, b'small')\n"
    )
    tests = str(Path(__file__).parent)
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tests}"},
    ).stdout  # fmt: skip
    assert out.startswith(f"{errno.EFBIG} ")
    assert f"save: {path} could not be written: File too large; an older file there" in out
    assert path.read_bytes() == b"small"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000, "the limit was the other's"


FAULTS = {
    "the disk is full": ("fsync", OSError(errno.ENOSPC, "No space left on device"), OSError),
    "the folder is protected": ("replace", OSError(errno.EACCES, "Permission denied"), PermissionError),
    "Ctrl-C": ("replace", KeyboardInterrupt(), KeyboardInterrupt),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_the_older_file_and_the_next_save_works(name, path, monkeypatch):
    function, fault, kind = FAULTS[name]

    def fail(*_):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(kind) as caught:
            put(path)
    if kind is not KeyboardInterrupt:
        assert f"save: {path} could not be written: {fault.strerror}" in str(caught.value)
        assert caught.value.errno == fault.errno
        assert ".partial" not in str(caught.value)
    unchanged(path)
    put(path)
    assert path.read_bytes() == NEW


def test_a_folder_that_cannot_be_synchronised_is_said_of_the_new_file(path, monkeypatch):
    fsync = os.fsync

    def fail(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(number)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"run\.safetensors was written, but may be lost.*fsync of"):
        put(path)
    assert path.read_bytes() == NEW


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_refused(path):
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=r"save: .*run\.safetensors could not be written"):
            put(path)
        unchanged(path)
    finally:
        path.parent.chmod(0o700)


def test_what_killed_processes_have_left_is_removed_and_what_is_being_written_is_not(path):
    folder = path.parent
    # of this process's number, as numbers come again; of an earlier version; of another file
    for name in (f"{path.name}.{os.getpid()}-0", f"{path.name}.17", "other.safetensors.17-0"):
        (folder / f"{name}.partial").write_bytes(b"half")
    (folder / "notes.partial").write_bytes(b"somebody's own")

    def write_another(file):
        put(path, b"second")  # while the first is not complete
        remove_leftovers(folder, path.name)
        assert os.path.exists(file.name)
        file.write(b"first")

    replace_file("save", path, write_another)
    assert path.read_bytes() == b"first", "the last one wins"
    assert sorted(os.listdir(folder)) == [
        "notes.partial", "other.safetensors.17-0.partial", path.name
    ]  # fmt: skip


def test_a_new_file_of_a_name_is_not_removed_for_the_old_one(path, monkeypatch):
    """Between opening a partial file and locking it its writer may end, and another one begin."""
    partial, flock = path.with_name(f"{path.name}.17-0.partial"), fcntl.flock
    partial.write_bytes(b"first")

    def late(number, how):
        os.replace(partial, path)
        partial.write_bytes(b"second")
        flock(number, how)

    monkeypatch.setattr(fcntl, "flock", late)
    remove_leftovers(path.parent, path.name)
    assert partial.read_bytes() == b"second"


def test_threads_and_processes_may_write_one_path(path):
    code = (
        f"from test_atomic_file import *\n"
        f"for _ in range(40): put(Path({str(path)!r}), b'p' * 200_000)"
    )
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    errors = []

    def write(letter):
        try:
            for _ in range(40):
                put(path, letter * 200_000)
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    with subprocess.Popen([sys.executable, "-c", code], env=env) as process:
        threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert process.wait(timeout=60) == 0
    assert not errors
    content = path.read_bytes()
    assert content in (b"a" * 200_000, b"b" * 200_000, b"p" * 200_000)
    assert os.listdir(path.parent) == [path.name]


def test_what_cannot_be_appended_whole_is_not_appended(path):
    """The process may write 3,050 bytes a file: 50 of the 100 would fit."""
    code = (
        "import resource; from test_atomic_file import *\n"
        "from portanet.appended_file import AppendedFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3050, resource.RLIM_INFINITY))\n"
        f"path = Path({str(path)!r})\n"
        "file = AppendedFile('CSVLog', path)\n"
        "try: file.append(b'x' * 100)\n"
        "except OSError as error: print(error.errno, error)\n"
        "unchanged(path); file.append(b'x' * 50); file.close()\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
    ).stdout  # fmt: skip
    words = f"CSVLog: {path} could not be written: File too large; what it has is unchanged"
    assert out == f"{errno.EFBIG} [Errno {errno.EFBIG}] {words}\n"
    assert path.read_bytes() == OLD + b"x" * 50
