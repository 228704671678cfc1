"""HostScalar: a Python number whose value changes from step to step, such as a learning rate."""

import operator
from collections.abc import Callable
from typing import Any

from portanet.compiler.errors import TraceError


class HostScalar:
    """A Python float that changes from step to step; arithmetic on it is recorded.

    `read(numbers)` evaluates it with the numbers of a step, in double precision, as the readable
    step does. In an operation with an array it is converted to the array's dtype.
    """

    __slots__ = ("_read", "key", "value")
    __array_ufunc__ = None  # NumPy arrays on the left defer to the operators below

    def __init__(self, key: Any, value: float, read: Callable[[Any], float]) -> None:
        self.key, self.value, self._read = key, value, read

    def read(self, numbers: Any) -> float:
        """Return its value in a step with these numbers."""
        return self._read(numbers)

    def __bool__(self) -> bool:
        raise TraceError(f"a branch depends on {self.key}, which changes from step to step")

    __float__ = __int__ = __index__ = __bool__

    def __eq__(self, other: object) -> bool:
        raise TraceError(f"a branch depends on {self.key}, which changes from step to step")

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self.key}>"


def _binary(name: str, function: Callable[[Any, Any], Any], swapped: bool) -> Callable[..., Any]:
    def method(self: HostScalar, other: Any) -> Any:
        if not isinstance(other, HostScalar | int | float):
            return NotImplemented
        a, b = (other, self) if swapped else (self, other)

        def read(numbers: Any) -> float:
            return function(_now(a, numbers), _now(b, numbers))

        return HostScalar((name, _key(a), _key(b)), function(_traced(a), _traced(b)), read)

    return method


def _now(x: Any, numbers: Any) -> Any:
    return x.read(numbers) if isinstance(x, HostScalar) else x


def _traced(x: Any) -> Any:
    return x.value if isinstance(x, HostScalar) else x


def _key(x: Any) -> Any:
    return x.key if isinstance(x, HostScalar) else x


def _unary(name: str, function: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: HostScalar) -> HostScalar:
        read = self.read
        return HostScalar((name, self.key), function(self.value), lambda n: function(read(n)))

    return method


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _function = getattr(operator, _name)
    setattr(HostScalar, f"__{_name}__", _binary(_name, _function, swapped=False))
    setattr(HostScalar, f"__r{_name}__", _binary(_name, _function, swapped=True))
HostScalar.__neg__ = _unary("neg", operator.neg)  # pyright: ignore[reportAttributeAccessIssue]
HostScalar.__abs__ = _unary("abs", abs)  # pyright: ignore[reportAttributeAccessIssue]
