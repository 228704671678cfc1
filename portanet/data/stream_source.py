"""Where a stream begins: anew each epoch, or, for an iterator, once."""

from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, signature
from itertools import islice
from typing import Any

from portanet.errors import ArgumentError, DataError, short

Cut = Callable[[Iterable[Any], int], Iterator[Any]]  # (items, epoch) -> batches before stacking


class Anew:
    """A source that begins anew each epoch: a function that returns an iterable, or a list, say."""

    repeats = True

    def __init__(self, begin: Callable[[int], Iterable[Any]]) -> None:
        self._begin = begin

    def batches(self, epoch: int, start: int, n: int | None, cut: Cut) -> Iterator[Any]:
        """Return an epoch's batches from `start` on, n at most in all."""
        items = self._begin(epoch)
        if not isinstance(items, Iterable):
            raise DataError(
                f"Stream: the source must return an iterable of samples, in epoch {epoch} it "
                f"returned {short(items)}"
            )
        return islice(cut(items, epoch), start, n)


class Once:
    """An iterator: each epoch goes on where the one before has ended."""

    repeats = False

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._batches: Iterator[Any] | None = None
        self._n_taken, self._begun = 0, (0, 0)  # batches in all; an epoch and how many came before

    def batches(self, epoch: int, start: int, n: int | None, cut: Cut) -> Iterator[Any]:
        """Return an epoch's batches from `start` on; what comes before is skipped."""
        if n is not None:
            before = epoch * n
        elif not start:
            before = self._n_taken
        elif self._begun[0] == epoch:
            before = self._begun[1]
        else:
            raise self._past(epoch, start)
        self._begun = (epoch, before)
        if self._n_taken > before + start:
            raise self._past(epoch, start)
        if self._batches is None:
            self._batches = cut(self._items, 0)
        return islice(self._counted(), before + start - self._n_taken, self._end(before, n))

    def _end(self, before: int, n: int | None) -> int | None:
        return None if n is None else before + n - self._n_taken

    def _counted(self) -> Iterator[Any]:
        for batch in self._batches or ():
            self._n_taken += 1
            yield batch

    def _past(self, epoch: int, start: int) -> DataError:
        return DataError(
            f"Stream: batch {start} of epoch {epoch} must come next, and the iterator cannot go "
            "back or be found there; give a function that returns it anew, Stream(samples, …) for "
            "samples()"
        )


def source_of(source: Any) -> Anew | Once:
    """Return how a source is read. Raises ArgumentError if it is none."""
    if isinstance(source, str | bytes) or not (callable(source) or isinstance(source, Iterable)):
        raise ArgumentError(
            "Stream: source must be an iterable of samples, or a function that returns one, is "
            f"{short(source)}"
        )
    if isinstance(source, Iterator):
        return Once(source)
    if isinstance(source, Iterable):
        return Anew(lambda _: source)
    function: Callable[..., Any] = source
    return Anew(function if _takes_epoch(function) else lambda _: function())


def _takes_epoch(function: Any) -> bool:
    """Return whether a function has to be called with an argument."""
    by_place = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    parameters = signature(function).parameters.values()
    return any(p.kind in by_place and p.default is Parameter.empty for p in parameters)
