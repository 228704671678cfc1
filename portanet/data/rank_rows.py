"""The rows of one rank, where several processes share each batch (portanet.distributed)."""

from collections.abc import Callable, Sequence

from portanet.data.lazy_batch import LazyBatch, kind_of_batch
from portanet.several import n_samples

OwnPart = Callable[[slice], slice]
"""Of the slice of a batch (of an epoch's order), the slice of the rows that this rank has."""


def of_joined(batch: LazyBatch, n: int) -> LazyBatch:
    """Return this rank's batch, which belongs to one of n rows."""
    batch.n_joined = n
    return batch


def own_rows(batch: LazyBatch, own: OwnPart) -> LazyBatch:
    """Return this rank's rows of a batch that lies there as a whole."""
    n = n_samples(batch.y)
    return of_joined(_cut(batch, own(slice(0, n))), n)


def after_reading(batch: LazyBatch, own: OwnPart, n: int) -> LazyBatch:
    """Return a batch that was read for `parts_to_read`: of n rows, this rank's."""
    part = own(slice(0, n))
    found = batch if length(part) else _cut(batch, slice(0, 0))
    return of_joined(found, n)


def parts_to_read(parts: Sequence[slice], own: OwnPart) -> list[slice]:
    """Return which rows are to be read; where a rank has none, one that shows what rows are."""
    return [own(part) if length(own(part)) else slice(part.start, part.start + 1) for part in parts]


def length(part: slice) -> int:
    """Return how many rows a slice has."""
    return part.stop - part.start


def _cut(batch: LazyBatch, part: slice) -> LazyBatch:
    X, y = batch.gathered()
    return LazyBatch(X, y, kind_of_batch(X, y, length(part)), None, part)
