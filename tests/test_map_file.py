"""MapFile: rows of a large memory map are read from its file, if that is still the same."""

import os
import sys

import numpy as np
import pytest

from portanet.data import mapped
from portanet.data.map_file import file_below

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux lists its maps")
ROWS = np.array([4, 1, 4, 0, 1999])


@pytest.fixture(autouse=True)
def _no_map_is_small(monkeypatch):
    monkeypatch.setattr(mapped, "_KEPT", 0)


def saved(folder, name="x.npy", n=2000):
    array = np.random.default_rng(0).standard_normal((n, 3)).astype("f4")
    np.save(folder / name, array)
    return array


def opened(path, mode="r"):
    source = np.load(path, mmap_mode=mode)
    return source, mapped.MappedArray(source)


@pytest.mark.parametrize("name", ["x.npy", "a name with spaces.npy"])
@pytest.mark.parametrize("rows", [ROWS, slice(3, 1200), slice(0, 0), ROWS[:0]])
def test_rows_are_those_of_the_map(name, rows, tmp_path):
    array = saved(tmp_path, name)
    read = opened(tmp_path / name)[1]
    assert read._file is not None
    np.testing.assert_array_equal(read.read(rows), array[rows])


def test_places_are_counted_in_64_bits(tmp_path, monkeypatch):
    """Rows by numbers of 32 bits; the last one begins beyond 4 GiB (the file has a hole)."""
    last = 2**29 + 1
    read = mapped.MappedArray(np.memmap(tmp_path / "x", np.uint8, "w+", shape=(last + 1, 8)))
    asked = []
    monkeypatch.setattr(read._file, "read_into", lambda found, starts: asked.extend(starts))
    read.read(np.array([1, last], np.int32))
    assert asked == [8, 8 * last]


def test_a_part_of_a_map_begins_at_its_own_byte(tmp_path):
    array = saved(tmp_path)
    read = mapped.MappedArray(np.load(tmp_path / "x.npy", mmap_mode="r")[1500:])
    assert read._file is not None
    np.testing.assert_array_equal(read.read(ROWS[:4]), array[1500:][ROWS[:4]])


def test_what_is_written_into_the_map_is_read(tmp_path):
    saved(tmp_path)
    source, read = opened(tmp_path / "x.npy", "r+")
    source[1999] = 7
    assert read._file is not None
    np.testing.assert_array_equal(read.read(ROWS)[-1], [7, 7, 7])


@pytest.mark.parametrize("what", ["replaced", "removed", "copy-on-write", "no list of maps"])
def test_the_map_is_read_where_the_file_is_another(what, tmp_path, monkeypatch):
    array = saved(tmp_path)
    source = np.load(tmp_path / "x.npy", mmap_mode="c" if what == "copy-on-write" else "r")
    if what == "replaced":
        np.save(tmp_path / "y.npy", array + 1)
        os.replace(tmp_path / "y.npy", tmp_path / "x.npy")
    elif what == "removed":
        (tmp_path / "x.npy").unlink()
    elif what == "no list of maps":
        monkeypatch.setattr("portanet.data.map_file._MAPS", str(tmp_path / "maps"))
    read = mapped.MappedArray(source)
    assert read._file is None
    np.testing.assert_array_equal(read.read(ROWS), array[ROWS])


def test_a_file_that_became_shorter_is_named(tmp_path):
    saved(tmp_path)
    read = opened(tmp_path / "x.npy")[1]
    os.truncate(tmp_path / "x.npy", 4000)
    with pytest.raises(OSError, match=r"ends before the array.*x\.npy"):
        read.read(ROWS)


def test_the_file_is_closed_with_its_array(tmp_path):
    saved(tmp_path)
    source, read = opened(tmp_path / "x.npy")
    descriptor = read._file._descriptor
    os.fstat(descriptor)
    del source, read
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_what_one_call_leaves_is_read_by_the_next(tmp_path, monkeypatch):
    """A system may read less than it is asked for; Linux ends at 2 GiB."""
    array = saved(tmp_path)
    source = np.load(tmp_path / "x.npy", mmap_mode="r")
    file, of_system = file_below(source.view(np.ndarray)), os.preadv
    monkeypatch.setattr(os, "preadv", lambda f, to, at: of_system(f, (to[0][:1000],), at))
    found = np.empty_like(array)
    file.read_into(found, [0])
    np.testing.assert_array_equal(found, array)
