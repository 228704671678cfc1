"""The operators of a Tracer: +, <, @= and all others."""

import operator
from collections.abc import Callable
from typing import Any

from portanet.compiler.graph.host_scalar import HostScalar

_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "pow",
    "floordiv": "floor_divide", "mod": "remainder", "matmul": "matmul", "and": "bitwise_and",
    "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip
_COMPARISONS = {
    "gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal",
    "ne": "not_equal",
}  # fmt: skip
_IN_PLACE = {
    "iadd": "+", "isub": "-", "imul": "*", "itruediv": "/", "ipow": "**", "ifloordiv": "//",
    "imod": "%", "imatmul": "@", "iand": "&", "ior": "|", "ixor": "^",
}  # fmt: skip


class Operators:
    """What has the operators of an array: `tape.record` writes them down."""

    __slots__ = ()


_OPERANDS = (Operators, HostScalar, int, float, complex)


def _operator(name: str, op: str, swapped: bool) -> Callable[..., Any]:
    function = getattr(operator, f"__{name}__")

    def method(self: Any, other: Any) -> Any:
        if not (isinstance(other, _OPERANDS) or hasattr(other, "shape")):
            return NotImplemented
        return self.tape.record(op, function, (other, self) if swapped else (self, other), {})

    return method


def _in_place(name: str, sign: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        array = self._fetched(f"an array is written in place, by {sign}=; x = x {sign} ... is not")
        return getattr(operator, name)(array, other)

    return method


for _name, _op in (_OPERATORS | _COMPARISONS).items():
    setattr(Operators, f"__{_name}__", _operator(_name, _op, swapped=False))
for _name, _op in _OPERATORS.items():
    setattr(Operators, f"__r{_name}__", _operator(_name, _op, swapped=True))
for _name, _sign in _IN_PLACE.items():
    setattr(Operators, f"__{_name}__", _in_place(_name, _sign))
