"""AuditedArray: an array of a backend in a wrapper that tells what is done to it."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from portanet.compiler.tracing.tracer import Tracer

# Methods of arrays that hand their numbers to Python.
_FETCHING = {"item", "tobytes", "tolist"}
# The operators that NumPy's own numbers call on their right: np.float64(2) * x
_OPERATOR_OF_UFUNC = {
    "add": "add", "subtract": "sub", "multiply": "mul", "true_divide": "truediv",
    "divide": "truediv", "floor_divide": "floordiv", "power": "pow", "remainder": "mod",
    "matmul": "matmul", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
    "equal": "eq", "not_equal": "ne",
}  # fmt: skip
_IN_PLACE = ("iadd", "isub", "imul", "itruediv", "ipow", "ifloordiv", "imod", "imatmul", "iand",
             "ior", "ixor")  # fmt: skip


def _fetching(convert: Callable[..., Any], words: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        self.tape.note_fetch(words)
        return convert(self.array, *args, **options)

    return method


class AuditedArray(Tracer):
    """A real array. What takes its numbers to the host is noted, and goes on as it would without.

    `leak` says where a dtype that is not the network's came in, None if it is the network's.
    """

    leak: Any = None

    __bool__ = _fetching(bool, "bool(x)")
    __float__ = _fetching(float, "float(x)")
    __int__ = _fetching(int, "int(x)")
    __index__ = _fetching(operator.index, "x as an index")
    __complex__ = _fetching(complex, "complex(x)")
    __array__ = _fetching(np.asarray, "numpy.asarray(x)")
    __dlpack__ = _fetching(lambda x, **options: x.__dlpack__(**options), "x.__dlpack__()")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, which may change where the array is written in place."""
        return tuple(self.array.shape)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tape.record("setitem", operator.setitem, (self, index, value), {})

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        """NumPy's function of an array, which not every library's arrays answer themselves."""
        name = str(ufunc.__name__)
        if method == "__call__" and not hasattr(type(self.array), "__array_ufunc__"):
            if name in _OPERATOR_OF_UFUNC and not isinstance(args[0], Tracer):
                function = getattr(operator, _OPERATOR_OF_UFUNC[name])
                return self.tape.record(name, function, args, options)
            self.tape.note_fetch(f"numpy.{name}(x)")
        return self.tape.record(name, getattr(ufunc, method), args, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if not hasattr(type(self.array), "__array_function__"):
            self.tape.note_fetch(f"numpy.{function.__name__}(x)")
        return self.tape.record(str(function.__name__), function, args, options)

    def __getattr__(self, name: str) -> Any:
        """Methods and attributes of the library's arrays, such as x.sum(axis=0) and x.nbytes."""
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self.array, name)
        if not callable(found):
            return self.tape.wrapped(found)
        if name in _FETCHING:
            self.tape.note_fetch(f"x.{name}()")
        kind, tape = type(self.array), self.tape
        return lambda *args, **options: tape.record(
            f"method:{name}", getattr(kind, name), (self, *args), options
        )


def _in_place(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        return self.tape.record(name[1:], function, (self, other), {})

    return method


for _name in _IN_PLACE:
    setattr(AuditedArray, f"__{_name}__", _in_place(_name))
