"""Saving where a disk is full, a folder read-only, a name long or the path something else.

Each case: the error names the path, the older file is unchanged, nothing else is left, and the next
save works once there is room. Needs root for the disks of its own (tmpfs).
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from portanet import Linear, load, save

SIZE = 512  # of the square weights: a file of 1 MiB


def tried(place, count=40):
    """Yield what came out, in words."""
    yield f"{sum(1 for _ in limits(place / 'limits', count))} limits of a file's size (RLIMIT_FSIZE)"
    if os.geteuid() == 0:
        yield f"{full_disks(place / 'disk', count)} full disks, each with room for another part of a file"
        yield f"{read_only(place / 'locked')} read-only disks"
    else:
        yield "no disks of its own: only root may mount them"
    yield f"{two_writers(place / 'shared', count)} saves of two processes at one path"
    yield f"{long_names(place / 'names')} names of up to 250 bytes"
    yield f"{other_paths(place / 'paths')} links and folders as paths"


def layer(number=0.0, size=SIZE):
    """Return a layer whose weights are a number."""
    made = Linear(size, size, bias=False)
    made.weights.value = np.full((size, size), number, np.float32)
    return made


def holds(path, number, size=SIZE):
    """Raise AssertionError unless a file has the weights of this number."""
    found = layer(-1, size)
    load(path, found)
    assert (found.weights.value == number).all()


def refused(path, errors=OSError):
    """Saving raises an error with the path and the system's reason, and changes nothing."""
    folder = path.parent if path.parent.is_dir() else path.parents[1]
    before = {p: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    try:
        save(path, layer(2))
    except errors as error:
        assert str(path) in str(error), error
        assert ".partial" not in str(error), error
    else:
        raise AssertionError(f"{path} was written")
    assert {p: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def limits(folder, count) -> Iterator[int]:
    """Let files be written up to so many bytes, in a process of its own, and save."""
    folder.mkdir()
    path = folder / "run.safetensors"
    save(path, layer(1))
    for limit in np.linspace(0, path.stat().st_size - 1, count).astype(int).tolist():
        child = os.fork()
        if not child:
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                refused(path)
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
                save(path, layer(1))
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - told by the status
                print(limit, repr(error), file=sys.stderr)
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0, f"with a limit of {limit} bytes"
        holds(path, 1)
        yield limit


@contextmanager
def mounted(folder, *options):
    """Mount a disk in memory at a folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def full_disks(place, count):
    """Fill a disk of 4 MiB up to several levels, and save."""
    with mounted(place, "size=4m") as disk:
        path, ballast = disk / "run.safetensors", disk / "ballast"
        save(path, layer(1))
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        room = path.stat().st_size
        for left in np.linspace(0, room - 4096, count).astype(int).tolist():
            ballast.write_bytes(bytes(free - left))
            refused(path)
            holds(path, 1)
            ballast.unlink()
            save(path, layer(1))
        assert sorted(os.listdir(disk)) == ["run.safetensors"]
    with mounted(place.with_name("inodes"), "size=4m", "nr_inodes=3") as disk:
        save(disk / "run.safetensors", layer(1))
        (disk / "other").touch()  # no entry is left for another file
        refused(disk / "run.safetensors")
        holds(disk / "run.safetensors", 1)
    return count + 1


def read_only(place):
    """Save on a disk that may only be read: a file that is there, and one that is not."""
    with mounted(place, "size=4m") as disk:
        path = disk / "run.safetensors"
        save(path, layer(1))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused(path)
        refused(disk / "new.safetensors")
        holds(path, 1)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        save(path, layer(2))
        holds(path, 2)
    return 2


def two_writers(folder, count):
    """Let two processes save at one path; the file is always that of one of them."""
    folder.mkdir()
    path, code = folder / "run.safetensors", (
        "import sys; from benchmarks.robustness.disks import layer; from portanet import save\n"
        "for _ in range(int(sys.argv[3])): save(sys.argv[1], layer(float(sys.argv[2])))"
    )  # fmt: skip
    root = Path(__file__).parents[2]
    commands = [[sys.executable, "-c", code, str(path), str(n), str(count)] for n in (1, 2)]
    processes = [subprocess.Popen(command, cwd=root) for command in commands]
    n_seen = 0
    while any(process.poll() is None for process in processes):
        if path.exists():
            found = layer(-1)
            load(path, found)
            assert found.weights.value.min() == found.weights.value.max() in (1, 2)
            n_seen += 1
    assert [process.returncode for process in processes] == [0, 0]
    assert os.listdir(folder) == ["run.safetensors"]
    assert n_seen
    return 2 * count


def long_names(folder):
    """Save under names of 1 to 250 bytes, of several letters; of 256 it is refused."""
    folder.mkdir()
    sizes = (1, 3, 100, 101, 102, 249, 250)
    names = {letter * (n // len(letter.encode()) or 1) for letter in "aä✓" for n in sizes}
    for name in names:
        save(folder / name, layer(1, 4))
        save(folder / name, layer(2, 4))
        holds(folder / name, 2, 4)
    assert sorted(os.listdir(folder)) == sorted(names)
    refused(folder / ("a" * 256))
    return len(names)


def other_paths(folder):
    """Save through links, also of links and to nowhere, and at folders."""
    (folder / "disk").mkdir(parents=True)
    link, second, lost = folder / "latest", folder / "second", folder / "lost"
    link.symlink_to(folder / "disk" / "run")
    second.symlink_to("latest")
    lost.symlink_to(folder / "nowhere" / "run")
    for n, path in enumerate([link, second, link]):
        save(path, layer(n))
        holds(folder / "disk" / "run", n)
    assert link.is_symlink()
    assert second.is_symlink()
    assert os.listdir(folder / "disk") == ["run"]
    refused(folder / "disk", IsADirectoryError)
    refused(folder / "disk" / "run" / "below", FileNotFoundError)
    refused(lost, FileNotFoundError)
    return 6
