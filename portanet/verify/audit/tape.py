"""AuditTape: computes on the arrays of a place, looks at each result, and notes each transfer."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from portanet.backends import Backend, backend_of
from portanet.checks import dtype_name, is_float
from portanet.compiler.graph.graph import value_like
from portanet.compiler.tracing.refusals import shape_depends_on_numbers
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.dispatch import placed
from portanet.errors import PortanetError
from portanet.verify.audit.array import AuditedArray
from portanet.verify.audit.backend import AuditedBackend
from portanet.verify.audit.code_line import code_line, method_at_work
from portanet.verify.report.audit import Direction, Transfer

_SENDING = ("asarray", "array")  # functions of a namespace that take what is on the host


@dataclass(frozen=True)
class Leak:
    """Where an array first was of another dtype, or elsewhere: what it is, and what made it."""

    what: str
    operation: str
    line: str
    method: str

    def __str__(self) -> str:
        inside = f", in {self.method}" if self.method else ""
        return f"made by {self.operation} at {self.line}{inside}"


class AuditTape(Tape):
    """Calls the library on its own arrays. Floats must be of one of `dtypes`.

    n_results  how many results of operations were looked at
    leaks      where another dtype or another place came in, each with its number of times
    transfers  what went between host and device, each with its number of times
    """

    def __init__(self, place: Backend, dtypes: frozenset[str]) -> None:
        super().__init__(place, lambda a, b: False)  # noqa: ARG005 - nothing is laid out
        self.place, self.dtypes = place, dtypes
        backend = AuditedBackend(place, self)
        self._kind = type("AuditedArray", (AuditedArray,), {"__portanet_backend__": backend})
        self.n_results = 0
        self.leaks: Counter[Leak] = Counter()
        self.transfers: Counter[Transfer] = Counter()

    @property
    def may_fetch(self) -> bool:
        """Whether numbers may be taken out of arrays: here they may, and it is noted."""
        return True

    def note_fetch(self, what: str) -> None:
        """Note that Python has asked for the numbers of an array."""
        self._note("fetched", what)

    def note_copy(self, what: str, direction: Direction) -> None:
        """Note a copy "to host" or "to device", or that something "waits" for the device."""
        self._note(direction, what)

    def enter(self, array: Any) -> AuditedArray:
        """Return an array of the place in its wrapper."""
        return cast("AuditedArray", self._kind(value_like("node", array), array, self))

    def wrapped(self, found: Any) -> Any:
        """Return what an attribute of an array is: in a wrapper if it is an array."""
        return self.enter(found) if _is_array(found) else found

    def tracer_of(self, x: Any) -> Any:
        """Return an audited array as it is, any other array in a wrapper."""
        return x if isinstance(x, Tracer) else self.enter(x)

    def record(self, op: str, function: Callable[..., Any], args: Any, options: Any) -> Any:
        """Call a function on the real arrays, and look at what it gives."""
        operands: list[AuditedArray] = []
        real, real_options = _concrete(args, operands), _concrete(options, operands)
        if shape_depends_on_numbers(op, args):
            self._note("waits", f"{_spelled(op)}, whose shape depends on numbers")
        if op in _SENDING and not operands:
            self._note("to device", f"xp.{op}")
        result = function(*real, **real_options)
        return self._each(result, lambda array: self._looked_at(op, array, operands))

    def record_draw(self, draw: Callable[[], Any], function: Any, args: Any) -> Any:
        """Return what `from_host` does, a copy to the device."""
        self._note("to device", "from_host")
        return self._looked_at("from_host", placed(draw(), self.place, function, args), [])

    def look_at(self, array: Any) -> str:
        """Return in words what is wrong with an array's place or dtype, "" if nothing is."""
        array = array.array if isinstance(array, Tracer) else array
        try:
            here = backend_of(array)
        except PortanetError as error:
            return str(error)
        if here is not self.place:
            return f"an array on {here} in a network on {self.place}"
        name = dtype_name(array.dtype)
        if is_float(array) and name not in self.dtypes:
            return f"{name} tensor in a {' or '.join(sorted(self.dtypes))} network"
        return ""

    def _looked_at(self, op: str, array: Any, operands: list[AuditedArray]) -> Any:
        self.n_results += 1
        what = self.look_at(array)
        leak = next((x.leak for x in operands if x.leak is not None), None) if what else None
        if what and leak is None:
            leak = Leak(what, _spelled(op), code_line(), method_at_work())
            self.leaks[leak] += 1
        if what and backend_of(array) is not self.place:
            return array  # from here on it is what that library makes of it
        audited = self.enter(array)
        audited.leak = leak
        return audited

    def _each(self, result: Any, look: Callable[[Any], Any]) -> Any:
        if isinstance(result, list | tuple):
            return tuple(self._each(part, look) for part in result)
        if isinstance(result, np.generic):
            result = np.asarray(result)
        return look(result) if _is_array(result) else result

    def _note(self, direction: Direction, what: str) -> None:
        self.transfers[Transfer(direction, what, code_line(), method_at_work())] += 1


def _is_array(item: Any) -> bool:
    return hasattr(item, "shape") and hasattr(item, "dtype")


def _spelled(op: str) -> str:
    """Return an operation as people write it: "x.sum()", "sum".

    >>> _spelled("method:sum"), _spelled("kernel:gelu"), _spelled("getitem")
    ('x.sum()', 'gelu', 'x[…]')
    """
    kind, _, name = op.rpartition(":")
    return {"method": f"x.{name}()", "kernel": name}.get(kind, "x[…]" if op == "getitem" else op)


def _concrete(item: Any, operands: list[Any]) -> Any:
    """Return arguments with the real arrays, and collect the audited ones."""
    if isinstance(item, Tracer):
        operands.append(item)
        return item.array
    if isinstance(item, list | tuple):
        parts = [_concrete(part, operands) for part in item]
        return parts if isinstance(item, list) else tuple(parts)
    if isinstance(item, dict):
        return {key: _concrete(part, operands) for key, part in item.items()}
    if isinstance(item, slice):
        return slice(*(_concrete(part, operands) for part in (item.start, item.stop, item.step)))
    return item
