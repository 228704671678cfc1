"""Audited: a place for a case to run, where each named tensor is looked at and none is fetched."""

from typing import Any

import numpy as np

from portanet.backends import Backend, backend_of
from portanet.checks import dtype_name
from portanet.compiler.tracing.tracer import Tracer
from portanet.layer import Part
from portanet.verify.audit.tape import AuditTape, Leak
from portanet.verify.runs.where import OnBackend

_NOTHING = np.zeros(())


class Audited:
    """A place for arrays and parts (a `Where`), in wrappers.

    tensors  "float32 on cpu" by the tensor's name
    faults   what is wrong with a tensor, and where that came in if it is known, by its name
    """

    def __init__(self, place: Backend, dtype: str) -> None:
        self._plain = OnBackend(place, dtype)
        self.tape = AuditTape(place, frozenset([dtype]))
        self.parts: list[Part] = []
        self.tensors: dict[str, str] = {}
        self.faults: dict[str, tuple[str, Leak | None]] = {}

    def array(self, x: np.ndarray, layout: str = "contiguous") -> Any:
        """Return an array of the host there."""
        return self.tape.enter(self._plain.array(x, layout))

    def part(self, part: Part) -> Any:
        """Return a copy of a layer or a loss whose parameters and buffers are audited arrays."""
        part = self._plain.part(part)
        precisions = [p.precision for p in part.named_parts().values()]
        self.tape.dtypes |= {p.half for p in precisions if p is not None}
        for _, holder in part.named_holders():
            if not isinstance(holder.peek(), Tracer):  # shared by two layers: there already
                vars(holder).update(_array=self.tape.enter(holder.peek()), _lender=None)
        self.parts.append(part)
        return part

    def look_at_gradients(self) -> None:
        """Look at the gradients that are there: a step that raises has not told of them."""
        for part in self.parts:
            for name, parameter in part.named_parameters().items():
                if parameter.grad is not None:
                    self.host(f"gradient of {name}", parameter.grad)

    def host(self, name: str, array: Any) -> np.ndarray:
        """Look at a tensor. It stays where it is: the result here says nothing."""
        real = array.array if isinstance(array, Tracer) else array
        what, leak = self.tape.look_at(real), getattr(array, "leak", None)
        if what:
            self.faults[name] = what, leak
        self.tensors[name] = f"{dtype_name(real.dtype)} on {_shown(backend_of(real).device)}"
        return _NOTHING


def _shown(device: Any) -> str:
    """Return a device in short: "device1" for array_api_strict.Device('device1')."""
    text = str(device)
    return text.split("'")[1] if "'" in text else text
