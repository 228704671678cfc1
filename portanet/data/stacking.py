"""Samples that come one after the other: shuffled in a buffer, stacked to batches."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from portanet.backends import array_namespace
from portanet.data.lazy_batch import Batch
from portanet.errors import DtypeError, ShapeError, short
from portanet.several import Weighted, by_name, like
from portanet.typing import Array, Rng


def shuffled(items: Iterable[Any], size: int, rng: Rng) -> Iterator[Any]:
    """Yield each item once: a random one of the `size` that wait, whose place the next one takes.

    An item comes at most size - 1 places before its own; it may come much later.
    """
    items = iter(items)
    waiting = list(islice(items, size))
    for item in items:
        i = int(rng.integers(size))
        waiting[i], item = item, waiting[i]
        yield item
    yield from (waiting[i] for i in rng.permutation(len(waiting)))


def chunks(items: Iterable[Any], size: int, *, drop_last: bool) -> Iterator[list[Any]]:
    """Yield lists of `size` items; the last one may be shorter, unless it is to be dropped."""
    items = iter(items)
    while chunk := list(islice(items, size)):
        if len(chunk) == size or not drop_last:
            yield chunk


def stacked(samples: list[Any]) -> Batch:
    """Return samples (x, y) or (x, y, weight) as one batch: arrays along a first axis.

    x and y may each be a number, an array, or several arrays: a dict, or a tuple of arrays.

    Raises DtypeError for what is no sample, ShapeError if samples differ in form or shape.
    """
    for i, sample in enumerate(samples):
        is_pair = isinstance(sample, tuple | list) and len(sample) in (2, 3)
        if not is_pair or len(sample) != len(samples[0]):
            n = len(samples[0]) if is_pair else "2, or 3 with a weight,"
            raise DtypeError(
                f"Stream: a sample must be a tuple (x, y) of {n} parts, number {i} of its batch is "
                f"{short(sample)}; a source of whole batches takes batch_size=None"
            )
    X, y, *weights = (_stack(name, list(of)) for name, of in zip(
        ("x", "y", "weight"), zip(*samples, strict=True), strict=False
    ))  # fmt: skip
    return X, Weighted.of(y, weights[0]) if weights else y


def _stack(name: str, parts: list[Any]) -> Any:
    first = parts[0]
    is_several = isinstance(first, dict) or (
        isinstance(first, tuple) and first and all(hasattr(part, "shape") for part in first)
    )
    if not is_several:
        return _stack_arrays(name, parts)
    of_each = [by_name(name, part) for part in parts]
    for i, part in enumerate(of_each):
        if not isinstance(parts[i], type(first)) or set(part) != set(of_each[0]):
            raise ShapeError(
                f"Stream: {name} of all samples must have one form; number {i} of its batch is "
                f"{short(parts[i])}, number 0 {short(first)}"
            )
    arrays = [_stack_arrays(label, [part[label] for part in of_each]) for label in of_each[0]]
    return like(first, arrays)


def _stack_arrays(name: str, parts: list[Any]) -> Array:
    arrays = [part if hasattr(part, "shape") else np.asarray(part) for part in parts]
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ShapeError(
                f"Stream: {name} of all samples must have one shape; number {i} of its batch is "
                f"{tuple(array.shape)}, number 0 {tuple(arrays[0].shape)}. Pad or cut them first"
            )
    return array_namespace(arrays[0]).stack(arrays)
