"""Blocks: batches that follow each other, read, checked and moved at once, and then cut.

To read a batch of a memory map, Python and the handing over between threads take as long as its
bytes do; for several batches they take it once.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate, chain, islice, pairwise
from math import prod
from typing import Any

import numpy as np

from portanet.data.ahead import Ahead
from portanet.data.lazy_array import is_lazy
from portanet.data.lazy_batch import Batch, LazyBatch, whole
from portanet.data.rank_rows import length
from portanet.data.reading import Job, Reader
from portanet.data.staging import Staging
from portanet.several import map_parts

_MOST = 16  # batches of a block: of more no time is left to save


class Block:
    """Batches that a thread reads at once."""

    def __init__(self, read: Callable[[Job], Batch], jobs: list[Job]) -> None:
        self._read, self._jobs = read, jobs
        self._batch: Batch | None = None

    def __call__(self) -> "Block":
        """Read all rows."""
        try:
            self._batch = self._read(_joined(self._jobs))
        except Exception:  # noqa: BLE001 - it comes again in the turn of its batch
            self._batch = None
        return self

    def batches(self, stage: Staging) -> Iterator[LazyBatch]:
        """Yield the batches where the model lies. Raises what Staging does, in a batch's turn."""
        found = self._staged(stage)
        if found is None:
            yield from (whole(*stage(*self._read(job))) for job in self._jobs)
            return
        ends = accumulate((_length(job) for job in self._jobs), initial=0)
        for part in (slice(start, stop) for start, stop in pairwise(ends)):
            X, y = (map_parts(lambda x, part=part: x[part, ...], of) for of in found)
            yield whole(X, y)

    def _staged(self, stage: Staging) -> Batch | None:
        batch, self._batch = self._batch, None
        try:
            return None if batch is None else stage(*batch)
        except Exception:  # noqa: BLE001 - as above
            return None


def batches_in_blocks(
    loader: Any, reader: Reader, jobs: Iterator[Job], size: int, stage: Staging
) -> Iterator[LazyBatch]:
    """Yield batches where the model lies; `size` at once are read, one block ahead of its use."""
    n = 1 if loader.workers is None else loader.workers
    return chain.from_iterable(
        block.batches(stage) for block in Ahead(_blocks(jobs, reader, size), n, n)
    )


def _blocks(jobs: Iterator[Job], read: Callable[[Job], Batch], size: int) -> Iterator[Block]:
    while some := list(islice(jobs, size)):
        yield Block(read, some)


def batches_a_block(loader: Any, reader: Reader) -> int:
    """Return how many batches of a loader are to be read at once.

    One where samples cost more than their bytes, and where the loader says what is read ahead.
    """
    given = (reader.own, reader.transforms, loader.prefetch)
    if loader.processes or any(x is not None for x in given):
        return 1
    data = [x for x in loader.ds.arrays() if is_lazy(x)]
    most = min((x.block_bytes for x in data), default=0)
    row = sum(prod(x.shape[1:]) * x.dtype.itemsize for x in data)
    return max(1, min(_MOST, most // max(1, row * loader.batch_size)))


def _joined(jobs: list[Job]) -> Job:
    """Return one job for the rows of several."""
    rows = [job.rows for job in jobs]
    if all(isinstance(a, slice) and a.stop == b.start for a, b in pairwise(rows)):
        return Job(slice(rows[0].start, rows[-1].stop), jobs[0].epoch)
    return Job(np.concatenate([job.numbers() for job in jobs]), jobs[0].epoch)


def _length(job: Job) -> int:
    return length(job.rows) if isinstance(job.rows, slice) else len(job.rows)
