"""Where a case is computed: on a backend in a dtype, or on the host in float64 under noise."""

from copy import deepcopy
from typing import Any, Protocol

import numpy as np

from portanet.backends import Backend, backend_of
from portanet.checks import dtype_name
from portanet.compiler.tracing.tracer import Tracer
from portanet.compiler.verification.noise import NoisyTape, in_float64
from portanet.dispatch import ACCELERABLE, on_host
from portanet.errors import PortanetError
from portanet.layer import Part
from portanet.verify.measure.ulps import EPSILON, TINY
from portanet.verify.runs.layouts import laid_out


class Where(Protocol):
    """A place for arrays and parts, and the way back to the host."""

    def array(self, x: np.ndarray, layout: str = "contiguous") -> Any:
        """Return an array of the host there, floats in the dtype."""
        ...

    def part(self, part: Part) -> Any:
        """Return a copy of a layer or a loss there, its numbers rounded to float32 before."""
        ...

    def host(self, name: str, array: Any) -> np.ndarray:
        """Return a result called `name` as an array of the host."""
        ...


class OnBackend:
    """A backend and a dtype. `faults` says which results were of another dtype or elsewhere."""

    def __init__(self, backend: Backend, dtype: str) -> None:
        self.backend, self.dtype = backend, dtype
        self.faults: dict[str, str] = {}

    def array(self, x: np.ndarray, layout: str = "contiguous") -> Any:
        """Return an array of the host there; integers in the widest dtype that there is."""
        kind = x.dtype.kind
        dtype = self.dtype if kind == "f" else dtype_name(x.dtype)
        return laid_out(
            self.backend, x, self.backend.index_dtype() if kind == "i" else dtype, layout
        )

    def part(self, part: Part) -> Any:
        """Return a copy of a layer or a loss there."""
        rounded = deepcopy(part).to(dtype="float32")
        return rounded.to(self.backend.name, device=self.backend.device, dtype=self.dtype)

    def host(self, name: str, array: Any) -> np.ndarray:
        """Return a result as an array of the host; note if it is not as it should be."""
        try:
            here = backend_of(array)
        except PortanetError as error:
            self.faults[name] = str(error)
            return np.asarray(np.nan)
        if here is not self.backend:
            self.faults[name] = f"is on {here}, not on {self.backend}"
        value = np.asarray(here.to_numpy(array))
        if value.dtype.kind == "f" and value.dtype.name != self.dtype:
            self.faults[name] = f"is {value.dtype.name}, not {self.dtype}"
        return value


class UnderNoise:
    """The host in float64 without kernels, where each result is moved by up to a float32 ulp.

    With epsilon 0 nothing is moved: this is the oracle. With `flush` numbers below the smallest
    normal one of float32 count as 0, inputs and results, as on a backend that flushes them.
    """

    def __init__(
        self, seed: int, epsilon: float = EPSILON["float32"], *, flush: bool = False
    ) -> None:
        self.tape = (_FlushingTape if flush else _Tape)(epsilon, seed)

    def array(self, x: np.ndarray, layout: str = "contiguous") -> Any:  # noqa: ARG002
        """Return a tracer of an array."""
        return self.tape.enter(x)

    def part(self, part: Part) -> Any:
        """Return a copy of a layer or a loss whose parameters and buffers are tracers."""
        part = deepcopy(part).to(dtype="float32").to(dtype="float64")
        for holder in (*part.named_parameters().values(), *part.named_buffers().values()):
            vars(holder).update(_array=self.tape.enter(holder.peek()), _lender=None)
        return part

    def host(self, name: str, array: Any) -> np.ndarray:  # noqa: ARG002
        """Return the array behind a tracer."""
        return np.asarray(array.array if isinstance(array, Tracer) else array)


class _Tape(NoisyTape):
    """A tape under which kernels are left out, and layers draw as usual."""

    def __init__(self, epsilon: float, seed: int) -> None:
        super().__init__(epsilon, seed)
        self.inlined = frozenset(ACCELERABLE)

    def record_draw(self, draw: Any, function: Any, args: Any) -> Tracer:
        """Return what the layer draws now."""
        return self.enter(np.asarray(on_host(draw(), function, args)))


class _FlushingTape(_Tape):
    """A tape on which what float32 holds as a denormal number is 0."""

    def enter(self, array: Any) -> Tracer:
        """Return a tracer of an array."""
        return super().enter(_flushed(in_float64(array)))

    def tracer_of(self, x: Any) -> Tracer:
        """Return a tracer as it is; of any other array, such as a result, a new one."""
        return super().tracer_of(x if isinstance(x, Tracer) else _flushed(np.asarray(x)))


def _flushed(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    return np.where(np.abs(array) < TINY["float32"], 0.0, array)
