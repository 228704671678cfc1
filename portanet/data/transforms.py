"""Transforms: NumPy functions that samples go through on their way to a batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import Any, TypeVar

import numpy as np

from portanet.data.lazy_batch import Batch
from portanet.data.numbers import as_numbers
from portanet.data.sample_draws import MAX_TRANSFORMS, SampleDraws
from portanet.data.values import check_finite
from portanet.errors import ArgumentError, DataError, DtypeError, ShapeError, short
from portanet.several import (
    SEVERAL,
    Arrays,
    Weighted,
    keys_of,
    map_parts,
    n_samples,
    parts_of,
    unweighted,
)

F = TypeVar("F", bound=Callable[..., Any])
_PLACES = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def batchwise(function: F) -> F:
    """Mark a transform that takes a whole batch at once: f(X, rng) or f(X, y, rng).

    X has the batch's samples along the first axis, and so must the result. A draw of rng
    (data.sample_draws.SampleRngs) has a row for each sample, of its own stream, so that the numbers
    are those that the same transform would draw sample by sample.

    >>> @batchwise
    ... def flip(X, rng):
    ...     turned = rng.random() < 0.5                        # (n,)
    ...     return np.where(turned[:, None], X[:, ::-1], X)
    """
    setattr(function, "batchwise", True)  # noqa: B010 - type checkers know no such attribute
    return function


class Transforms:
    """Functions that are applied to a batch's samples, one after the other.

    Each is f(x, rng) or f(x, y, rng), which returns (x, y); both get one sample, or a whole batch
    if the function is marked as `batchwise`.

    Raises ArgumentError unless all are such functions.
    """

    def __init__(self, given: Any) -> None:
        self.functions = tuple(given) if isinstance(given, list | tuple) else (given,)
        if len(self.functions) > MAX_TRANSFORMS:
            raise ArgumentError(
                f"Dataset: transform must be at most {MAX_TRANSFORMS} functions, are "
                f"{len(self.functions)}; let one call others"
            )
        self._takes_targets = [_takes_targets(function) for function in self.functions]

    def __call__(self, X: Arrays, y: Arrays, draws: SampleDraws) -> Batch:
        """Return what samples become; they must be arrays of the caller's own.

        What a function raises gets a note that says of which function and which sample. Raises
        ShapeError, DtypeError or DataError if what it returns is no sample.
        """
        y, weights = unweighted(y)
        for i, (function, both) in enumerate(zip(self.functions, self._takes_targets, strict=True)):
            apply = _to_batch if getattr(function, "batchwise", False) else _to_each
            X, new_y = apply(function, i, X, y if both else None, draws)
            y = new_y if both else y
        return X, (y if weights is None else Weighted.of(y, weights))


def check_transform(who: str, name: str, given: Any) -> Any:
    """Return what was given as a transform. Raises ArgumentError unless it is one."""
    del who, name
    Transforms(given)
    return given


def name_of(function: Any) -> str:
    """Return what messages call a transform."""
    return getattr(function, "__name__", None) or type(function).__name__


def _takes_targets(function: Any) -> bool:
    """Return whether a transform is f(x, y, rng); else it is f(x, rng)."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # not callable, or a function in C
        raise ArgumentError(
            f"Dataset: transform must be a function f(x, rng) or f(x, y, rng), or a list of them; "
            f"one is {short(function)}"
        ) from None
    wanted = [p.name for p in parameters if p.kind in _PLACES and p.default is Parameter.empty]
    if len(wanted) not in (2, 3):
        raise ArgumentError(
            f"Dataset: transform {name_of(function)} must take (x, rng) or (x, y, rng), takes "
            f"({', '.join(wanted)}); rng is a NumPy Generator, which it need not use"
        )
    return len(wanted) == 3


def _to_each(function: Any, i: int, X: Arrays, y: Arrays, draws: SampleDraws) -> Batch:
    """Apply a transform sample by sample. y is None if it takes none."""
    found = []
    for place, number in enumerate(draws.numbers):
        data = [map_parts(lambda part, at=place: part[at], of) for of in (X, y) if of is not None]
        with _named(function, f"sample {number}", draws.epoch):
            given = function(*data, draws.of_sample(place, i))
            found.append(_result(given, y is not None))
    x, y = zip(*found, strict=True)
    with _named(function, "", draws.epoch):
        return _stacked(x, draws), (y[0] if y[0] is None else _stacked(y, draws))


def _to_batch(function: Any, i: int, X: Arrays, y: Arrays, draws: SampleDraws) -> Batch:
    """Apply a transform to a batch. y is None if it takes none."""
    n, data = len(draws.numbers), [of for of in (X, y) if of is not None]
    with _named(function, f"samples {short(draws.numbers.tolist())}", draws.epoch):
        found = _result(function(*data, draws.of_batch(i)), y is not None)
        for of in found:
            for part in parts_of(of if of is not None else []):
                if not hasattr(part, "shape") or part.shape[:1] != (n,):
                    came = short(part) if not hasattr(part, "shape") else f"of shape {part.shape}"
                    raise ShapeError(
                        f"Dataset: a batchwise transform must return an array of {n} samples for "
                        f"as many, returned one {came}"
                    )
            if of is not None:
                map_parts(lambda part: _check(part, draws), of)
        return found


@contextmanager
def _named(function: Any, samples: str, epoch: int) -> Iterator[None]:
    """Let errors say in which transform and for which samples they came."""
    try:
        yield
    except Exception as error:
        of = f", of {samples}" if samples else ""
        error.add_note(f"in the transform {name_of(function)}{of} (epoch {epoch})")
        raise


def _result(given: Any, both: bool) -> Batch:
    """Return x and y (None: unchanged) of what a transform has returned."""
    if both and (not isinstance(given, tuple | list) or len(given) != 2):
        raise DtypeError(
            f"Dataset: a transform that takes (x, y, rng) must return (x, y), returned "
            f"{short(given)}"
        )
    x, y = given if both else (given, None)
    if x is None or (both and y is None):
        raise DtypeError("Dataset: a transform must return what samples become, returned None")
    return x, y


def _stacked(samples: Any, draws: SampleDraws) -> Arrays:
    """Return samples as one array, or as several if each is."""
    first = samples[0]
    several = isinstance(first, dict) or (
        isinstance(first, tuple | list) and first and all(hasattr(part, "shape") for part in first)
    )
    if not several:
        return _check(_stack(samples, draws), draws)
    for sample, number in zip(samples, draws.numbers, strict=True):
        if not isinstance(sample, SEVERAL) or keys_of(sample) != keys_of(first):
            raise ShapeError(
                f"Dataset: a transform must return the same arrays for each sample, returned "
                f"{keys_of(first)} for sample {draws.numbers[0]}, {short(sample)} for {number}"
            )
    return map_parts(lambda *parts: _check(_stack(parts, draws), draws), first, *samples[1:])


def _stack(samples: Any, draws: SampleDraws) -> np.ndarray:
    arrays = [np.asarray(sample) for sample in samples]
    for array, number in zip(arrays, draws.numbers, strict=True):
        if array.shape != arrays[0].shape:
            raise ShapeError(
                f"Dataset: a transform must return samples of one shape, returned "
                f"{arrays[0].shape} for sample {draws.numbers[0]}, {array.shape} for {number}"
            )
    return np.stack(arrays)


def _check(array: np.ndarray, draws: SampleDraws) -> np.ndarray:
    """Return an array of samples. Raises unless they are finite real numbers."""
    array = as_numbers("a transform's result", array)
    try:
        check_finite("a transform's result", array)
    except DataError as error:
        bad = ~np.isfinite(array).reshape(n_samples(array), -1).all(axis=1)
        error.add_note(f"of sample {draws.numbers[bad][0]}")
        raise
    return array
