"""Parameter and Buffer: the arrays that belong to a layer, by a name that stays while they change.

A compiled step trains in memory of its own (`Lender`). Whoever reads `value` or `grad` is handed a
copy, and the next step takes it back, changed or not: what was read never changes later, and what
is written or assigned is what the next step starts from, as if nothing had been compiled.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, NoReturn, Protocol

from portanet.backends import array_namespace
from portanet.checks import dtype_name
from portanet.elsewhere import OfParameters
from portanet.errors import DtypeError, short
from portanet.typing import Array
from portanet.versioned import advance_version

Form = tuple[tuple[int, ...], Any, type]


class Lender(Protocol):
    """Memory in which the arrays of a model lie while it trains there."""

    def copy_value(self, holder: "Holder") -> Array:
        """Return a copy of a holder's array, and note that the holder has it."""
        ...

    def copy_grad(self, holder: "Holder") -> Array | None:
        """Return a copy of a parameter's gradient, and note that the parameter has it."""
        ...

    def note(self) -> None:
        """Note that a holder has an array of its own again."""
        ...

    def peek(self, holder: "Holder") -> Array:
        """Return the memory that a holder's array lies in."""
        ...

    def vector(self, parameters: Mapping[str, "Parameter"]) -> Array | None:
        """Return the vector in which parameters lie end to end, None if they lie otherwise."""
        ...

    def fill(self, vector: Array) -> None:
        """Write other numbers into that vector."""
        ...


class Holder:
    """Something that holds an array, its own or one in a lender's memory."""

    _array: Any
    _lender: Lender | None = None

    def __init__(self, value: Array) -> None:
        self._array = value

    @property
    def value(self) -> Array:
        """The array: a compiled step never writes into what was read here."""
        if self._lender is not None:
            vars(self).update(_array=self._lender.copy_value(self), _lender=None)
        return self._array

    @value.setter
    def value(self, value: Array) -> None:
        if self._lender is not None:
            self._lender.note()
        vars(self).update(_array=value, _lender=None)

    def peek(self) -> Array:
        """Return the array where it lies: to look at its type, shape and place, not to keep."""
        return self._array if self._lender is None else self._lender.peek(self)

    @property
    def form(self) -> Form:
        """Shape, dtype and type of the array."""
        array = self.peek()
        return tuple(array.shape), array.dtype, type(array)

    @property
    def is_lent(self) -> bool:
        """Whether the array lies in a lender's memory."""
        return self._lender is not None

    def lent(self, lender: Lender) -> bool:
        """Return whether the array lies in a lender's memory."""
        return self._lender is lender

    def lending(self, lender: Lender, *, grad: bool) -> list[tuple[dict[str, Any], dict[str, Any]]]:  # noqa: ARG002
        """Return (dict, changes) that give the array up: from then on it lies with the lender."""
        return [(vars(self), {"_array": None, "_lender": lender})]

    def cell(self, value: Array) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (dict, changes): updating the dict assigns the value (see portanet.commit)."""
        if self._lender is not None:
            self._lender.note()
        return vars(self), {"_array": value, "_lender": None}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_array": self.value, "_lender": None}

    def _refuse(self, other: Any) -> NoReturn:
        who = type(self).__name__
        raise DtypeError(
            f"{who}: operators take arrays, came a {who} and {short(other)}; its array is .value"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __matmul__ = __rmatmul__ = __pow__ = _refuse
    __array_ufunc__ = None  # NumPy leaves array @ parameter to the methods above

    def __repr__(self) -> str:
        shape, dtype, _ = self.form
        frozen = ", frozen" * (getattr(self, "trainable", True) is False)
        return f"{type(self).__name__}({shape}, {dtype_name(dtype)}{frozen})"


class Parameter(OfParameters, Holder):
    """A value that training changes, and dL/dvalue once a backward pass has set it.

    The value is rebound, never written in place, so that immutable arrays work too. Optimizers
    leave a parameter alone unless it is `trainable`; its gradient is still computed.
    """

    _grad: Array | None = None
    _grad_lender: Lender | None = None
    _trainable: bool = True

    def __init__(self, value: Array, grad: Array | None = None, trainable: bool = True) -> None:
        super().__init__(value)
        self._grad, self._trainable = grad, trainable

    @property
    def grad(self) -> Array | None:
        """dL/dvalue, None before a backward pass."""
        if self._grad_lender is not None:
            vars(self).update(_grad=self._grad_lender.copy_grad(self), _grad_lender=None)
        return self._grad

    @grad.setter
    def grad(self, grad: Array | None) -> None:
        if self._grad_lender is not None:
            self._grad_lender.note()
        vars(self).update(_grad=grad, _grad_lender=None)

    @property
    def trainable(self) -> bool:
        """Whether optimizers move the value."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = trainable
        advance_version()

    def lending(self, lender: Lender, *, grad: bool) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return (dict, changes) that give the value up, and the gradient if there is one."""
        changes: dict[str, Any] = {"_grad": None, "_grad_lender": lender} if grad else {}
        return [(vars(self), {"_array": None, "_lender": lender, **changes})]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_grad": self.grad, "_grad_lender": None}


def vector_of(parameters: Mapping[str, Parameter]) -> Array | None:
    """Return the vector in a lender's memory in which parameters lie end to end, if they do.

    It is to look at, not to keep.
    """
    lender = next(iter(parameters.values()))._lender
    return None if lender is None else lender.vector(parameters)


def fill_vector(parameters: Mapping[str, Parameter], vector: Array) -> bool:
    """Write other numbers into the vector of parameters, if there is one; return whether."""
    lender = next(iter(parameters.values()))._lender
    if lender is None or lender.vector(parameters) is None:
        return False
    lender.fill(vector)
    return True


def pieces_of(vector: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return views of the pieces of a vector, by name: arrays that lie there end to end."""
    found, start, xp = {}, 0, array_namespace(vector)
    for name, shape in shapes.items():
        stop = start + prod(shape)
        found[name], start = xp.reshape(vector[start:stop], shape), stop
    return found
