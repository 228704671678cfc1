"""A file that lines are appended to: it stays open, and each line is one write.

What was written is with the system: a process that is killed then loses none of it. It is not
synchronised to the disk (fsync), which takes milliseconds; a machine that loses power may lose it.
"""

import os
from typing import IO, Any

from portanet.atomic_file import FilePath, reason, same_error


class AppendedFile:
    """Appends to a file, which is made if there is none, and stays open until `close`.

    A file that was removed or replaced meanwhile is made again. `who` is named in errors: OSError,
    with the path; the file is as before then.
    """

    def __init__(self, who: str, path: FilePath) -> None:
        self._who, self._path = who, path
        self._file: IO[bytes] | None = None

    def size(self) -> int:
        """Return how many bytes the file has."""
        try:
            return self._open()[1]
        except OSError as error:
            raise self._described(error) from error

    def append(self, content: bytes) -> None:
        """Append all of the content or nothing."""
        try:
            file, size = self._open()
            try:
                while content:
                    content = content[file.write(content) :]
            except BaseException:
                file.truncate(size)
                raise
        except OSError as error:
            raise self._described(error) from error

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:  # of a network file system, whose writes fail late
                words = f"{self._who}: {self._path} could not be written: {reason(error)}"
                raise same_error(error, f"{words}; lines at its end may be lost") from error

    def _open(self) -> tuple[IO[bytes], int]:
        """Return the file, opened unless it is open, and its size."""
        found = None if self._file is None else os.fstat(self._file.fileno())
        if self._file is None or found is None or not found.st_nlink:  # it was removed
            self.close()
            # a buffer would be written again by close, after it could not be written
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - stays open
            found = os.fstat(self._file.fileno())
        return self._file, found.st_size

    def _described(self, error: OSError) -> OSError:
        words = f"{self._who}: {self._path} could not be written: {reason(error)}"
        return same_error(error, f"{words}; what it has is unchanged")

    def __getstate__(self) -> dict[str, Any]:
        return {"_who": self._who, "_path": self._path, "_file": None}
