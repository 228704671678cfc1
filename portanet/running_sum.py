"""RunningSum: the sum of many numbers, added up on the device one after the other."""

from functools import cache
from typing import Any

from portanet.backends import Backend
from portanet.errors import DtypeError


class RunningSum:
    """A sum that stays exact to rounding however many numbers are added.

    It is kept in float64 where the device has that. Elsewhere each addition's rounding error is
    computed, too (two-sum), and the errors are added up beside the sum.

    Source: Knuth, "The Art of Computer Programming", volume 2, section 4.2.2, theorem B.

    >>> from portanet.backends import get
    >>> total = RunningSum(get("numpy"))
    >>> for _ in range(3):
    ...     total.add(0.5)
    >>> float(total.value)
    1.5
    """

    def __init__(self, backend: Backend) -> None:
        name = widest_float(backend)
        self._backend, self._dtype = backend, backend.dtype(name)
        self._exact = name == "float64"
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._sum: Any = 0
        self._error: Any = None if self._exact else 0

    def start(self, total: float, error: float = 0.0) -> None:
        """Go on from `parts`, as numbers of the host."""
        self._sum, self._error = total, None if self._exact else error

    @property
    def parts(self) -> tuple[Any, Any]:
        """The sum, and what rounding took off it: 0 where it is kept in float64."""
        return self._sum, 0 if self._error is None else self._error

    @property
    def value(self) -> Any:
        """The sum so far, of shape () on the device; of Python numbers only it is a number."""
        return self._sum if self._error is None else self._sum + self._error

    def add(self, number: Any) -> None:
        """Add a number, an array of shape () or a Python number."""
        if hasattr(number, "dtype"):
            number = self._backend.xp.astype(number, self._dtype)
        if self._error is None:
            self._sum = self._sum + number
            return
        self._sum, error = two_sum(self._sum, number)
        self._error = self._error + error


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return fl(a + b), and what rounding took off it, exactly (Knuth, theorem B)."""
    total = a + b
    added = total - a
    return total, (a - (total - added)) + (b - added)


@cache
def widest_float(backend: Backend) -> str:
    """Return "float64", or "float32" where the device has no float64."""
    try:
        backend.dtype("float64")
    except DtypeError:
        return "float32"
    return "float64"
