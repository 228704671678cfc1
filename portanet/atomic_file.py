"""Files that are replaced whole: what is written appears under its name once it is on the disk.

A file is written beside the old one, as NAME.PROCESS.partial, and takes its place in one operation
of the file system. In this order nothing can be lost, even if the machine loses power between two:
write, fsync of the file, rename, fsync of the folder.

What a killed process has left behind is removed by the next one that writes the same file. It tells
such a file from one that is being written by a lock, which ends with the process that holds it; the
number of the process alone would not do, as it is used again.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, which removes no file that is open
    fcntl = None

FilePath = str | os.PathLike[str]
_MAX_NAME = 100  # bytes of the file's own name in that of the partial one, which has 255 at most
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}  # on this file system


def replace_file(who: str, path: FilePath, write: Callable[[IO[bytes]], object]) -> None:
    """Replace a file, or the one behind a symbolic link, by what `write` writes.

    Raises OSError, with the path, if that fails; the older file, if there is one, is unchanged then
    (or the message says that the new one is there, and the folder could not be synchronised).
    """
    target = Path(os.path.realpath(path))
    remove_leftovers(target.parent, target.name)
    try:
        with _partial(target) as (file, partial):
            write(file)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()
            os.replace(partial, target)
    except OSError as error:
        words = f"{who}: {path} could not be written: {reason(error)}"
        raise same_error(error, f"{words}; an older file there is unchanged") from error
    try:
        _sync_folder(target.parent)
    except OSError as error:
        words = f"{who}: {path} was written, but may be lost if the machine loses power now"
        raise same_error(error, f"{words}: fsync of its folder: {reason(error)}") from error


def remove_leftovers(folder: Path, name: str | re.Pattern[str]) -> None:
    """Remove the partial files of a name, or of all that match, which no process is writing."""
    pattern = name if isinstance(name, re.Pattern) else re.compile(re.escape(_stem(name)))
    try:
        names = os.listdir(folder)
    except OSError:  # a folder that may be written but not read
        return
    for partial in names:
        of_file = re.fullmatch(r"(.+)\.\d+(-\d+)?\.partial", partial, re.DOTALL)
        if of_file and pattern.fullmatch(of_file.group(1)):
            with suppress(OSError):  # it is being written, or gone, or somebody else's
                _remove_unless_locked(folder / partial)


def _remove_unless_locked(path: Path) -> None:
    if fcntl is None:
        path.unlink()
        return
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still(number, path):  # and no new file of that name since it was opened
            path.unlink()
    finally:
        os.close(number)


@contextmanager
def _partial(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield a new, locked file beside the target, and its path; on errors it is removed."""
    for n in count():
        partial = target.with_name(f"{_stem(target.name)}.{os.getpid()}-{n}.partial")
        try:
            file = partial.open("xb")
        except FileExistsError:  # another thread is writing it
            continue
        with file:
            if not _is_locked(file, partial):
                continue
            try:
                yield file, partial
            except BaseException:
                if fcntl is None:
                    file.close()
                partial.unlink(missing_ok=True)
                raise
            return


def _is_locked(file: IO[bytes], partial: Path) -> bool:
    """Lock a new file. False if another process has removed it before that."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # it is being removed
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return True  # nobody can lock it, so that nobody removes it
    return _is_still(file.fileno(), partial)


def _is_still(number: int, path: Path) -> bool:
    """Return whether a path leads to an open file."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(number), os.stat(path, follow_symlinks=False))
    return False


def _stem(name: str) -> str:
    """Return a file's name, or the begin of a long one and a checksum of it."""
    encoded = os.fsencode(name)
    if len(encoded) <= _MAX_NAME:
        return name
    begin = encoded[: _MAX_NAME - 17].decode(errors="ignore")
    return f"{begin}~{blake2b(encoded, digest_size=8).hexdigest()}"


def _sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on the disk. Windows has no such call."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders of some network file systems
            raise
    finally:
        os.close(number)


def reason(error: OSError) -> str:
    """Return what the system says of an error, without the number and the path."""
    return error.strerror or str(error)


def same_error(error: OSError, message: str) -> OSError:
    """Return an OSError of the same kind (PermissionError …) with another message."""
    return OSError(message) if error.errno is None else OSError(error.errno, message)
