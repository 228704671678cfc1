"""One array or several: what X, y and the outputs of networks may be.

Several are a dict of arrays by name, or a tuple (or list) of them in their order. Code that takes
either goes through its arrays by these functions.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from portanet.errors import ShapeError, short
from portanet.typing import Array, Namespace

SEVERAL = (dict, tuple, list)
Arrays: TypeAlias = Any  # an Array, or a dict, tuple or list of them


def parts_of(x: Arrays) -> list[Array]:
    """Return the arrays in their order; of one array a list of it."""
    if isinstance(x, dict):
        return list(x.values())
    return list(x) if isinstance(x, tuple | list) else [x]


def arrays_of(*of: Arrays) -> list[Array]:
    """Return the arrays of X and y, one after the other."""
    return [part for x in of for part in parts_of(x)]


def keys_of(x: Arrays) -> list[Any]:
    """Return what each of several arrays is found by: names, or 0, 1 …"""
    return list(x) if isinstance(x, dict) else list(range(len(x)))


def like(x: Arrays, parts: list[Any]) -> Any:
    """Return other parts in the form of x: as a dict with its names, as a tuple, alone."""
    if isinstance(x, dict):
        return type(x)(zip(x, parts, strict=True))
    return type(x)(parts) if isinstance(x, tuple | list) else parts[0]


def map_parts(function: Callable[..., Any], x: Arrays, *others: Any) -> Any:
    """Return function(part, …) of each array of x, and of its fellows in others, in x's form.

    >>> map_parts(lambda a, b: a + b, {"left": 1, "right": 2}, {"right": 20, "left": 10})
    {'left': 11, 'right': 22}
    """
    if isinstance(x, SEVERAL):
        calls = ((key, [x[key], *(other[key] for other in others)]) for key in keys_of(x))
        return like(x, [function(*parts) for _, parts in calls])
    return function(x, *others)


def by_name(name: str, x: Arrays) -> dict[str, Array]:
    """Return the arrays by names that begin with `name`: "y", or "y.price", or "y.0".

    >>> by_name("y", {"price": 1, "kind": 2})
    {'y.price': 1, 'y.kind': 2}
    """
    if not isinstance(x, SEVERAL):
        return {name: x}
    return {f"{name}.{key}": x[key] for key in keys_of(x)}


def put_back(name: str, x: Arrays, found: dict[str, Any]) -> Any:
    """Return in x's form what lies in a dict under by_name's names."""
    return like(x, [found[key] for key in by_name(name, x)])


def labels(name: str, x: Arrays) -> list[str]:
    """Return what a message calls each array: "y", or "y['price']", or "y[0]"."""
    return [f"{name}[{key!r}]" for key in keys_of(x)] if isinstance(x, SEVERAL) else [name]


def n_samples(x: Arrays) -> int:
    """Return the length of the first axis, which the arrays have in common."""
    return parts_of(x)[0].shape[0]


def joined(xp: Namespace, batches: Sequence[Arrays]) -> Any:
    """Return arrays of several batches one after the other."""
    return map_parts(lambda *parts: xp.concat(list(parts)), batches[0], *batches[1:])


class Shape(tuple[int, ...]):
    """The shape of one array: not several of anything."""

    __slots__ = ()


def shapes_of(x: Arrays) -> Any:
    """Return the shape of each array, in x's form."""
    return map_parts(lambda part: Shape(part.shape), x)


def kind_of(x: Arrays, n: int | None = None) -> Any:
    """Return names, shapes and dtypes as one key; with n samples in place of those of x."""
    found = by_name("", x).items()
    return tuple((k, (n or a.shape[0], *a.shape[1:]), a.dtype) for k, a in found)


class Weighted(dict[Any, Any]):
    """Targets with a weight for each sample, as one dict of arrays.

    Targets of one array are in it as "y", several by their own names or numbers.
    """

    @classmethod
    def of(cls, y: Arrays, sample_weight: Array) -> "Weighted":
        """Return targets together with their weights."""
        named = {key: y[key] for key in keys_of(y)} if isinstance(y, SEVERAL) else {"y": y}
        return cls(named, sample_weight=sample_weight)

    def split(self) -> tuple[Arrays, Array]:
        """Return the targets in their own form, and the weights."""
        targets = {key: part for key, part in self.items() if key != "sample_weight"}
        weights = self["sample_weight"]
        if all(isinstance(key, int) for key in targets):
            return tuple(targets.values()), weights
        return (targets["y"] if list(targets) == ["y"] else targets), weights


def unweighted(y: Arrays) -> tuple[Arrays, Array | None]:
    """Return targets without their weights, and these, None if there are none."""
    return y.split() if isinstance(y, Weighted) else (y, None)


def check_same_form(who: str, name: str, x: Any, other: str, wanted: Any) -> None:
    """Raise ShapeError unless x has the names of another dict, or as many arrays as another."""
    if isinstance(wanted, dict):
        if not isinstance(x, dict) or set(x) != set(wanted):
            came = f"has {sorted(x)}" if isinstance(x, dict) else f"is {short(x)}"
            raise ShapeError(
                f"{who}: {name} must be a dict with the names of {other}, {sorted(wanted)}; {came}"
            )
    elif not isinstance(x, tuple | list) or isinstance(x, Shape) or len(x) != len(wanted):
        of_one = not isinstance(x, tuple | list) or isinstance(x, Shape)
        came = f"is {short(x)}" if of_one else f"has {len(x)}"
        raise ShapeError(
            f"{who}: {name} must be a tuple of {len(wanted)} arrays, as {other}; {came}"
        )
