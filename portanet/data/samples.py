"""Whether the arrays of a data set are numbers, lie together and have as many samples."""

from math import prod
from typing import Any

from portanet.data.lazy_array import home_of, in_memory
from portanet.data.numbers import as_numbers
from portanet.data.values import check_finite
from portanet.errors import DataError, DtypeError, PlacementError, ShapeError
from portanet.several import Arrays, arrays_of, labels, like, n_samples, parts_of
from portanet.typing import Array


def all_numbers(name: str, x: Any) -> Arrays:
    """Return X or y with each of its arrays as numbers. Raises what as_numbers raises.

    A tuple is several arrays if all of it are arrays or frames; else, like a list, it is data.
    """
    several = isinstance(x, dict) or (
        isinstance(x, tuple) and x and all(hasattr(part, "shape") and part.shape for part in x)
    )
    if not several:
        return as_numbers(name, x)
    if not x:
        raise DataError(f"Dataset: {name} must hold arrays, is an empty dict")
    for label, part in zip(labels(name, x), parts_of(x), strict=True):
        if isinstance(part, dict):
            raise DtypeError(f"Dataset: {label} must be an array, is a dict; give one flat dict")
    numbers = [as_numbers(label, p) for label, p in zip(labels(name, x), parts_of(x), strict=True)]
    return like(x, numbers)


def checked_weights(weights: Any, X: Arrays) -> Array | None:
    """Return sample weights as an array. Raises unless there is one number >= 0 for each sample."""
    if weights is None:
        return None
    weights, n = in_memory(as_numbers("sample_weight", weights)), n_samples(X)
    if tuple(weights.shape) != (n,):
        raise ShapeError(
            f"Dataset: sample_weight must be ({n},), one for each sample, is {tuple(weights.shape)}"
        )
    here, there = home_of(weights), home_of(parts_of(X)[0])
    if here is not there:
        raise PlacementError(
            f"Dataset: sample_weight must lie where X lies, on {there}; it lies on {here}. Give "
            "both as NumPy arrays, or move one"
        )
    check_finite("sample_weight", weights)
    return weights


def check_pair(who: str, X: Arrays, y: Arrays) -> None:
    """Raise PlacementError, ShapeError or DataError unless X and y belong together."""
    check_alike_samples(who, X, y)
    for name, x in zip(labels("X", X), parts_of(X), strict=True):
        if prod(x.shape) == 0:
            raise DataError(
                f"{who}: {name} must hold samples, has the shape {tuple(x.shape)}; give one row "
                "or more, of one number or more"
            )


def check_alike_samples(who: str, X: Arrays, y: Arrays = ()) -> None:
    """Raise PlacementError or ShapeError unless arrays lie together and have as many samples."""
    names = [*labels("X", X), *labels("y", y)]
    (name, x), *others = zip(names, arrays_of(X, y), strict=True)
    for label, other in others:
        if home_of(x) is not home_of(other):
            raise PlacementError(
                f"{who}: {label} must lie where {name} lies, on {home_of(x)}; it lies on "
                f"{home_of(other)}. Give both as NumPy arrays, or move one"
            )
        if other.shape[0] != x.shape[0]:
            raise ShapeError(
                f"{who}: {label} must have one entry for each of the {x.shape[0]} samples in "
                f"{name}, has {other.shape[0]}; {_pair_advice(name, x, other)}"
            )


def _pair_advice(name: str, x: Array, other: Array) -> str:
    if x.ndim == 2 and x.shape[1] == other.shape[0]:
        return f"samples are the rows of {name}: give {name}.T"
    return "take the same rows of both"
