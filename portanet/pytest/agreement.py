"""assert_backends_agree: a function of arrays on each backend beside NumPy in float64.

The yardstick is NumPy's own error in float32 on the same inputs: other libraries may be TIMES as
far off (portanet/verify/measure/bound.py has the reason for the 8). A result that NumPy computes
without any error must be exact; any other error counts as at least half an ulp, which is what
rounding the result itself costs. portanet's own kit measures the bound by noise in every operation
instead; a function of another project may call what cannot be traced.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from portanet.backends import Backend, available, backend_of, get
from portanet.errors import ArgumentError, PortanetError, one_line
from portanet.verify.measure.bound import TIMES
from portanet.verify.measure.ulps import ulps, worst_place
from portanet.verify.report.places import each, place_of
from portanet.verify.runs.inputs import rounded

_COMPLEX = {"float32": "complex64", "float64": "complex128"}


@dataclass(frozen=True)
class Agreement:
    """One result on one backend: its error and NumPy float32's own, in ulps; the fault if any."""

    function: str
    result: str
    backend: str
    dtype: str
    ulps: float
    own_ulps: float
    allowed: float
    fault: str = ""

    @property
    def passed(self) -> bool:
        """Whether the result is as near to float64 as it must be."""
        return not self.fault and self.ulps <= self.allowed

    def __str__(self) -> str:
        words = f"{self.result} on {self.backend} in {self.dtype}: "
        size = f"{self.ulps:.3g} ulps where {self.allowed:.3g} are allowed, NumPy's own "
        return words + (self.fault or f"{size}{self.own_ulps:.3g}")


def assert_backends_agree(
    function: Callable[..., Any],
    *arrays: Any,
    backends: Sequence[str | Backend] | None = None,
    times: float = TIMES,
) -> list[Agreement]:
    """Compare function(*arrays) on backends with the same on NumPy in float64.

    `arrays` are NumPy arrays; floats are rounded to float32 first, so that each dtype computes with
    the same numbers. The function gets them as arrays of the backend, in float32 and in float64
    where the backend has it, and returns an array or a tuple, list or dict of arrays. Each must be
    on the same backend and device, in the floats' dtype where it holds floats, and at most `times`
    as far from float64 as NumPy's in float32 is, in ulps. `backends` are names ("torch",
    "cupy:1") or backends; None takes all that run here.

    Returns the errors that were measured. Raises AssertionError that lists what does not agree:
    backend, dtype, result, place, expected, got.

    >>> found = assert_backends_agree(lambda x: x * x, np.linspace(0, 1, 5), backends=["numpy"])
    >>> [(row.dtype, row.ulps <= row.allowed) for row in found]
    [('float32', True), ('float64', True)]
    """
    __tracebackhide__ = True  # pytest shows the line that called this
    places = [_place(item) for item in (available() if backends is None else backends)]
    if not places:
        raise ArgumentError("assert_backends_agree: backends must name at least one, is empty")
    name = getattr(function, "__name__", None) or type(function).__name__
    host = [rounded(a) for a in arrays]
    oracle = _flat(function(*(a.copy() for a in host)))
    own, _ = _computed(function, host, get("numpy"), "float32", oracle)
    errors = {key: ulps(_in_float32(own[key]), value, "float32") for key, value in oracle.items()}
    rows = [
        row
        for label, place in each(places)
        for dtype in sorted(place.dtypes & {"float32", "float64"})
        for row in _rows(name, function, host, (label, place, dtype), oracle, errors, times)
    ]
    wrong = [str(row) for row in rows if not row.passed]
    if wrong:
        raise AssertionError("\n    ".join([f"{name}: backends do not agree", *wrong]))
    return rows


def _place(item: str | Backend) -> tuple[str, Backend]:
    if isinstance(item, str):
        return item, place_of(item)
    return item.name, item


def _rows(
    name: str, function: Callable[..., Any], host: Sequence[np.ndarray],
    where: tuple[str, Backend, str], oracle: Mapping[str, np.ndarray],
    own: Mapping[str, float], times: float,
) -> Iterator[Agreement]:  # fmt: skip
    label, place, dtype = where
    try:
        found, faults = _computed(function, host, place, dtype, oracle)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        what = one_line(error)
        yield Agreement(name, "result", label, dtype, np.inf, 0.0, 0.0, what)
        return
    for key, value in oracle.items():
        error = ulps(found[key], value, dtype)
        allowed = times * max(own[key], 0.5) if own[key] else 0.0
        fault = faults.get(key, "")
        if not fault and not error <= allowed:
            fault = (
                f"{error:.3g} ulps where {allowed:.3g} are allowed, NumPy's own {own[key]:.3g}; "
                f"{worst_place(found[key], value, dtype)}"
            )
        yield Agreement(name, key, label, dtype, error, own[key], allowed, fault)


def _computed(
    function: Callable[..., Any], host: Sequence[np.ndarray], place: Backend, dtype: str,
    oracle: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, str]]:  # fmt: skip
    """Return the results of a backend on the host, and which are not as they should be."""
    items = _leaves(function(*(_there(a, place, dtype) for a in host)))
    is_bound = any(a.dtype.kind in "fc" for a in host)  # without floats there is no dtype to keep
    found, faults = {}, {}
    for key, array in items.items():
        found[key], faults[key] = _fetched(array, place, dtype if is_bound else None)
    missing = oracle.keys() ^ found.keys()
    if missing:
        raise ArgumentError(f"the results are not those of NumPy: {', '.join(sorted(missing))}")
    return found, faults


def _there(array: np.ndarray, place: Backend, dtype: str) -> Any:
    """Return an array of the host on a backend; integers in the widest dtype that there is."""
    kinds = {"f": dtype, "c": _COMPLEX[dtype], "b": "bool"}
    return place.asarray(array, kinds.get(array.dtype.kind) or place.index_dtype())


def _fetched(array: Any, place: Backend, dtype: str | None) -> tuple[np.ndarray, str]:
    """Return a result on the host as real numbers, and what is wrong with where it was."""
    if isinstance(array, bool | int | float | complex):
        return _real(np.asarray(array)), ""
    try:
        here = backend_of(array)
    except PortanetError as error:
        return np.asarray(np.nan), str(error)
    value = np.asarray(here.to_numpy(array))
    if here is not place:
        return _real(value), f"is on {here}, not on {place}"
    wanted = {} if dtype is None else {"f": dtype, "c": _COMPLEX[dtype]}
    wanted = wanted.get(value.dtype.kind, value.dtype.name)
    fault = "" if value.dtype.name == wanted else f"is {value.dtype.name}, not {wanted}"
    return _real(value), fault


def _flat(result: Any) -> dict[str, np.ndarray]:
    return {key: _real(np.asarray(array)) for key, array in _leaves(result).items()}


def _in_float32(value: np.ndarray) -> np.ndarray:
    """Return what float32 holds of a result: NumPy's own may be in float64, which has no error."""
    return value.astype(np.float32) if value.dtype.kind == "f" else value


def _real(value: np.ndarray) -> np.ndarray:
    """Return complex numbers as pairs of real ones, any other array as it is."""
    if value.dtype.kind != "c":
        return value
    return np.stack([np.real(value), np.imag(value)], axis=-1)


def _leaves(result: Any, name: str = "result") -> dict[str, Any]:
    """Return the arrays of a result by name: "result", "result[0]", "result['mean']"."""
    if isinstance(result, Mapping):
        parts = result.items()
    elif isinstance(result, tuple | list):
        parts = enumerate(result)
    else:
        return {name: result}
    return {k: v for key, part in parts for k, v in _leaves(part, f"{name}[{key!r}]").items()}
