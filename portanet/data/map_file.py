"""MapFile: the file below a memory map, read without mapping its pages.

A page that is mapped to be read once costs a fault, and more when it is given back, as all cores
must forget it; the same rows are read from the system's file cache in half the time.
"""

import errno
import os
import weakref
from collections.abc import Sequence
from itertools import count

import numpy as np

_MAPS = "/proc/self/maps"  # what a process has mapped: Linux's


class MapFile:
    """A file that is open, and the place in it of an array that is mapped from it."""

    def __init__(self, descriptor: int, path: str, start: int) -> None:
        self._descriptor, self._path, self._start = descriptor, path, start
        weakref.finalize(self, os.close, descriptor)

    def read_into(self, found: np.ndarray, starts: Sequence[int]) -> None:
        """Read parts of equal size, by their first bytes in the array, into a contiguous array.

        Raises OSError if the file has become shorter than the array.
        """
        target = found.reshape(-1).view(np.uint8).data
        size = found.nbytes // max(1, len(starts))
        descriptor, begin, read = self._descriptor, self._start, os.preadv
        for at, start in zip(count(0, size), starts):
            if read(descriptor, (target[at : at + size],), begin + start) != size:
                self._read_rest(target[at : at + size], begin + start)

    def _read_rest(self, target: memoryview, start: int) -> None:
        """Read what one call has not: it may end early, at 2 GiB for one."""
        done = 0
        while done < len(target):
            n = os.preadv(self._descriptor, (target[done:],), start + done)
            if not n:
                raise OSError(errno.EIO, "the file ends before the array that it holds", self._path)
            done += n


def file_below(x: np.ndarray) -> MapFile | None:
    """Return the file that a contiguous array is mapped from; None where that cannot be told.

    Another file may have the map's old name by now: it is the same if device and inode are.
    """
    if not hasattr(os, "preadv") or not os.path.exists(_MAPS):
        return None
    address = x.__array_interface__["data"][0]
    with open(_MAPS) as lines:
        found = next((place for line in lines if (place := _place(line, address))), None)
    if found is None:
        return None
    path, identity, start = found
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # removed, or of a name that the list shows in another way
        return None
    status = os.fstat(descriptor)
    file = MapFile(descriptor, path, start)
    is_it = (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino) == identity
    return file if is_it and status.st_size >= start + x.nbytes else None


def _place(line: str, address: int) -> tuple[str, tuple[int, int, int], int] | None:
    """Return path, identity and byte of an address, if it lies in a line's shared map of a file.

    start-end permissions offset major:minor inode path: all but the inode in hexadecimal.
    """
    words = line.rstrip("\n").split(maxsplit=5)
    first, end = (int(word, 16) for word in words[0].split("-"))
    if not first <= address < end or len(words) < 6 or words[1][3] != "s":
        return None
    major, minor = (int(word, 16) for word in words[3].split(":"))
    return words[5], (major, minor, int(words[4])), int(words[2], 16) + address - first
