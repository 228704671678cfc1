"""Tracer: an array that remembers what is done to it.

A tracer carries a real array, so a traced step computes what the readable step computes, and no
shape or dtype has to be inferred. Its operators, and the functions of its namespace, call the
library's own and let the tape write a Node down. Nothing here knows layers.
"""

import operator
from collections.abc import Callable
from typing import Any

from portanet.compiler.graph.graph import Value
from portanet.compiler.tracing.operators import Operators

_OF_NUMPY = {  # NumPy's names of the standard's functions
    "true_divide": "divide", "absolute": "abs", "power": "pow", "concatenate": "concat",
    "transpose": "permute_dims", "invert": "bitwise_invert", "amax": "max", "amin": "min",
    "swapaxes": "swapaxes",
}  # fmt: skip

# They fetch numbers, or write in place.
_UNSAFE = {
    "byteswap", "fill", "get", "item", "itemset", "partition", "put", "resize", "setfield",
    "setflags", "sort", "tobytes", "tofile", "tolist",
}  # fmt: skip


class Tracer(Operators):
    """An array of a step that is being traced."""

    __slots__ = ("array", "tape", "traced")
    __hash__ = object.__hash__

    def __init__(self, traced: Value, array: Any, tape: Any) -> None:
        self.traced, self.array, self.tape = traced, array, tape

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return self.tape.namespace

    def __call_kernel__(self, name: str, kernel: Any, plain: Any, args: Any, options: Any) -> Any:
        return self.tape.record_kernel(name, kernel, plain, args, options)

    def __from_host__(self, draw: Callable[[], Any], function: Any, args: Any) -> "Tracer":
        return self.tape.record_draw(draw, function, args)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.traced.shape

    @property
    def dtype(self) -> Any:
        """The dtype."""
        return self.array.dtype

    @property
    def device(self) -> Any:
        """The device."""
        return getattr(self.array, "device", None)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.array.shape)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.array.size

    @property
    def T(self) -> "Tracer":
        """The array with its axes in reverse."""
        return self.tape.record("transpose", _reversed, (self,), {})

    @property
    def mT(self) -> "Tracer":
        """The transpose of the last two axes."""
        return self.tape.record("matrix_transpose", _transposed, (self,), {})

    def __getitem__(self, index: Any) -> Any:
        return self.tape.record("getitem", operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self._fetched("an array is written in place, at an index")[index] = value

    def __neg__(self) -> Any:
        return self.tape.namespace.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self.tape.namespace.abs(self)

    def __invert__(self) -> Any:
        return self.tape.namespace.bitwise_invert(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._fetched("a branch depends on the numbers in an array"))

    def __float__(self) -> float:
        return float(self._fetched("a number is fetched out of an array"))

    def __int__(self) -> int:
        return int(self._fetched("a number is fetched out of an array"))

    def __index__(self) -> int:
        return operator.index(self._fetched("a number is fetched out of an array"))

    def __complex__(self) -> complex:
        return complex(self._fetched("a number is fetched out of an array"))

    def __array__(self, *args: Any, **options: Any) -> Any:
        array = self._fetched("an array is handed to NumPy, past its namespace")
        return array.__array__(*args, **options)

    def __dlpack__(self, *args: Any, **options: Any) -> Any:
        self.tape.fail("an array is handed to another library")

    def _fetched(self, why_not: str) -> Any:
        """Return the array once the step is over. Raises TraceError while it is traced."""
        if not self.tape.may_fetch:
            self.tape.fail(why_not)
        return self.array

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        """NumPy's own functions work, too: a user's layer may call them."""
        if method != "__call__" or options.get("out") is not None:
            self.tape.fail(f"numpy.{ufunc.__name__}.{method} or out= is used")
        name = str(ufunc.__name__)
        return self.tape.record(_OF_NUMPY.get(name, name), ufunc, args, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        name = str(function.__name__)
        return self.tape.record(_OF_NUMPY.get(name, name), function, args, options)

    def __getattr__(self, name: str) -> Any:
        """Methods of the library's arrays, such as x.sum(axis=0), as the function of that name."""
        if name.startswith("_") or not callable(getattr(self.array, name, None)):
            raise AttributeError(f"a traced array has no {name!r}")
        if name in _UNSAFE and not self.tape.may_fetch:
            self.tape.fail(f"an array's {name}() is called")
        kind, tape = type(self.array), self.tape
        op = _OF_NUMPY.get(name, name)
        return lambda *args, **options: tape.record(
            f"method:{op}", getattr(kind, name), (self, *args), options
        )

    def __repr__(self) -> str:
        return f"Tracer({self.traced!r})"


def _transposed(x: Any) -> Any:
    return x.mT


def _reversed(x: Any) -> Any:
    return x.T
