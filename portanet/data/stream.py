"""Stream: batches from an iterable whose length nobody knows."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from portanet.checks import check_count
from portanet.data.epoch import is_in_data_order
from portanet.data.lazy_batch import Batch
from portanet.data.loader import DataLoader
from portanet.data.stacking import chunks, shuffled, stacked
from portanet.data.stream_source import source_of
from portanet.errors import DataError
from portanet.options import Option
from portanet.random import Key, check_seed, next_key
from portanet.reprs import call_of


class Stream(DataLoader):
    """A loader of samples that come one after the other: lines of files, rows of a database.

    `source` is an iterable of samples (x, y) or (x, y, weight), or a function that returns one: it
    is called anew for each epoch, with the epoch's number (0, 1 …) if it takes an argument. x and y
    are numbers, arrays, dicts or tuples of arrays. With batch_size=None the source gives batches
    (x, y), as they are to be. An epoch ends with the source, or after `batches_per_epoch`.

    With `shuffle_buffer` so many samples wait at a time, of which a random one comes next, drawn
    from (seed, epoch). The last batch may be shorter, unless drop_last.

    An iterator, such as a generator, can be read once: with batches_per_epoch epochs go on where
    the last one has ended, without it there is one epoch. Evaluations need a source that begins
    anew; they are not shuffled and take the samples of epoch 0.

    A run that goes on within an epoch reads the samples before that place again, and skips them.
    len(stream) is batches_per_epoch, a TypeError without it.

    Raises ArgumentError if a value is out of its range, DataError if an epoch has no batch.

    >>> def lines():
    ...     for line in ("1.5 0", "2.5 1", "0.5 0"):
    ...         x, y = line.split()
    ...         yield [float(x)], int(y)
    >>> [x.tolist() for x, y in Stream(lines, batch_size=2)]
    [[[1.5], [2.5]], [[0.5]]]
    """

    shuffle_buffer = Option(check_count, 0)
    batches_per_epoch = Option(check_count, 1, none=True)

    def __init__(
        self,
        source: Iterable[Any] | Callable[..., Iterable[Any]],
        batch_size: int | None,
        shuffle_buffer: int = 0,
        *,
        seed: int | None = None,
        drop_last: bool = False,
        batches_per_epoch: int | None = None,
    ) -> None:
        self.source, self._reader = source, source_of(source)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.shuffle_buffer, self.batches_per_epoch = shuffle_buffer, batches_per_epoch
        self.key = (
            next_key("shuffle") if seed is None else Key(check_seed("Stream", seed), "shuffle")
        )
        self.epoch = 0

    @property
    def ds(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The source: there is no data set."""
        return self.source

    @property
    def batch_size(self) -> int | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """How many samples a batch has; None if the source gives batches."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, batch_size: int | None) -> None:
        known = batch_size is None
        self._batch_size = None if known else check_count("Stream", "batch_size", batch_size)

    @property
    def shuffle(self) -> bool:
        """Whether samples are shuffled."""
        return self.shuffle_buffer > 1

    def __len__(self) -> int:
        if self.batches_per_epoch is None:
            raise TypeError(
                "Stream: nobody knows how many batches it has; count them in a loop, or give "
                "batches_per_epoch"
            )
        return self.batches_per_epoch

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Batch]:
        return self.from_batch(0)

    def from_batch(self, start: int) -> Iterator[Batch]:
        """Return the batches of the next epoch from `start` on, and count the epoch."""
        evaluates = is_in_data_order()
        if evaluates and not self._reader.repeats:
            raise DataError(
                "Stream: the source of an evaluation must begin anew each time, is an iterator; "
                "give a function that returns it: Stream(samples, …) for samples()"
            )
        epoch = 0 if evaluates else self.epoch
        self.epoch += not evaluates
        cut = partial(self._cut_items, shuffles=self.shuffle and not evaluates)
        found = self._reader.batches(epoch, start, self.batches_per_epoch, cut)
        return self._stacked(found, epoch, start)

    def _cut_items(self, items: Iterable[Any], epoch: int, *, shuffles: bool) -> Iterator[Any]:
        if shuffles:
            items = shuffled(items, self.shuffle_buffer, self.key.generator(epoch))
        if self.batch_size is None:
            return iter(items)
        return chunks(items, self.batch_size, drop_last=self.drop_last)

    def _stacked(self, found: Iterator[Any], epoch: int, start: int) -> Iterator[Batch]:
        is_empty = not start
        for batch in found:
            is_empty = False
            yield batch if self.batch_size is None else stacked(batch)
        if is_empty:
            advice = (
                "look at the source, batch_size and drop_last" if self._reader.repeats else
                "an iterator can be read once: give a function that returns it anew, "
                "Stream(samples, …) for samples(), or batches_per_epoch for shorter epochs"
            )  # fmt: skip
            raise DataError(f"Stream: an epoch must have a batch, epoch {epoch} has none; {advice}")

    def __repr__(self) -> str:
        names = ("shuffle_buffer", "drop_last", "batches_per_epoch")
        return call_of(self, self.source, self.batch_size, **{n: getattr(self, n) for n in names})
