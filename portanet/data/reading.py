"""Reading: how batches are made on the host, from rows of a data set and by its transforms.

Each batch is a `Job`, a `Reader` does it; ahead.py lets threads or processes do the next ones.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from portanet.data.ahead import Ahead
from portanet.data.lazy_array import home_of, in_memory, is_lazy
from portanet.data.lazy_batch import Batch
from portanet.data.rank_rows import OwnPart, length, parts_to_read
from portanet.data.rows import rows_of
from portanet.data.sample_draws import SampleDraws, times_before
from portanet.data.samples import all_numbers, check_pair
from portanet.data.transforms import Transforms
from portanet.data.values import check_finite
from portanet.errors import DtypeError, PlacementError, short
from portanet.random import Key
from portanet.several import Arrays, labels, like, map_parts, parts_of
from portanet.typing import Array


class Job(NamedTuple):
    """One batch that is to be read: which rows it has, in which epoch."""

    rows: Any  # slice, or the samples' numbers
    epoch: int
    times: np.ndarray | None = None  # see SampleDraws

    def numbers(self) -> np.ndarray:
        """Return the samples' numbers."""
        rows = self.rows
        return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows


def jobs_of(
    epoch: int, order: np.ndarray | None, parts: Sequence[slice], *, repeats: bool
) -> Iterator[Job]:
    """Yield the batches of an epoch; with `repeats` a sample may come several times."""
    if order is None:
        yield from (Job(part, epoch) for part in parts)
        return
    times = times_before(order) if repeats else None
    for part in parts:
        yield Job(order[part], epoch, None if times is None else times[part])


class Reader:
    """Reads batches from a data set as it is now, and applies its transforms.

    Raises PlacementError if there are transforms and the data lie on a device.
    """

    def __init__(self, ds: Any, key: Key) -> None:
        transform = transform_of(ds)
        self.transforms = None if transform is None else Transforms(transform)
        self.key = key._replace(purpose="transform")
        self.own = ds if ds.makes_batches() else None
        self.X, self.y = (None, None) if self.own else ds.checked()
        self.sources = [transform, *([ds] if self.own else ds.arrays())]
        if self.transforms is not None and not self.own:
            for name, x in (("X", self.X), ("y", self.y)):
                map_parts(_check_host, like(x, labels(name, x)), x)

    def __call__(self, job: Job) -> Batch:
        """Return a batch as arrays; of an own __getitem__ without a transform, what it returns."""
        if self.own is not None:
            batch = self.own.__getitem__(job.rows)
            if self.transforms is None:
                return batch
            batch = checked_batch(type(self.own).__name__, batch)
            for name, x in zip(("X", "y"), batch, strict=True):
                map_parts(_check_host, like(x, labels(name, x)), x)
        else:
            batch = _read("X", self.X, job.rows), _read("y", self.y, job.rows)
        if self.transforms is None:
            return batch
        X, y = (map_parts(np.array, x) for x in batch)  # a transform may write into its arrays
        return self.transforms(X, y, SampleDraws(self.key, job.epoch, job.numbers(), job.times))


def transform_of(ds: Any) -> Any:
    """Return the transform of a data set; None without one, and of other sources."""
    return getattr(ds, "__dict__", {}).get("transform")


def reads(loader: Any) -> bool:
    """Return whether a loader's batches are read one by one: they do not lie there as arrays."""
    ds = loader.ds
    own = ds.makes_batches() or transform_of(ds) is not None
    return own or any(map(is_lazy, ds.arrays()))


def batches_read(loader: Any) -> Iterator[Batch]:
    """Begin an epoch of a loader; return its batches on the host."""
    jobs, _ = jobs_begun(loader)
    return read_ahead(loader, Reader(loader.ds, loader.key), jobs)


def jobs_begun(
    loader: Any, start: int = 0, own: OwnPart | None = None
) -> tuple[Iterator[Job], list[int]]:
    """Begin an epoch of a loader; return what is to be read for its batches from `start` on.

    And how many rows each of them has; with `own` this rank's rows of them are read.
    """
    epoch, order, parts = loader.begin_epoch()
    parts, lengths = parts[start:], list(map(length, parts[start:]))
    parts = parts if own is None else parts_to_read(parts, own)
    return jobs_of(epoch, order, parts, repeats=loader.has_own_order()), lengths


def read_ahead(loader: Any, reader: Reader, jobs: Iterator[Job]) -> Ahead:
    """Return batches on the host, which are read as the loader says."""
    n = loader.workers
    if n is None:
        n = 0 if reader.own is not None and not loader.processes else 1
    ahead = 2 * n if loader.prefetch is None else loader.prefetch
    if not loader.processes or not n:
        return Ahead((partial(reader, job) for job in jobs), n, ahead)
    ask = loader.pool.reading(reader, n)  # two threads a process: its next job lies ready
    return Ahead((partial(ask, job) for job in jobs), 2 * n, ahead)


def checked_batch(who: str, batch: Any) -> Batch:
    """Return a batch that a subclass has made as arrays. Raises what Dataset raises."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        length = f" of length {len(batch)}" if isinstance(batch, tuple | list) else ""
        came = f"{type(batch).__name__}{length}" if length else short(batch)
        raise DtypeError(
            f"{who}: a batch must be a pair (x, y), is {came}; yield the "
            "inputs and the targets of its samples"
        )
    X, y = (in_memory(all_numbers(name, x)) for name, x in zip("Xy", batch, strict=True))
    check_pair(who, X, y)
    for name, x in (("X", X), ("y", y)):
        for label, part in zip(labels(name, x), parts_of(x), strict=True):
            check_finite(label, part)
    return X, y


def _read(name: str, data: Arrays, rows: Any) -> Arrays:
    """Gather rows where the data lie."""

    def read(label: str, x: Array) -> Array:
        found = x.read(rows) if is_lazy(x) else rows_of(x, rows)
        check_finite(label, found)
        return found

    return map_parts(read, like(data, labels(name, data)), data)


def _check_host(name: str, x: Array) -> None:
    if home_of(x).name != "numpy":
        raise PlacementError(
            f"Dataset: a transform takes NumPy arrays, {name} lies on {home_of(x)}; give the "
            "data as NumPy arrays, their batches follow the model"
        )
