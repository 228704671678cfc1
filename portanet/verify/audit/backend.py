"""AuditedBackend: a backend whose copies between host and device are noted."""

from typing import Any

from portanet.backends import Backend
from portanet.compiler.tracing.tracer import Tracer
from portanet.typing import Array


class AuditedBackend:
    """What `backend_of` says of an audited array: the place, as far as layers can tell."""

    def __init__(self, place: Backend, tape: Any) -> None:
        self._place, self._tape = place, tape
        self.xp = tape.namespace

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return x on the device; what is no array of it is copied there."""
        if isinstance(x, Tracer):
            return self._tape.record("astype", self._place.asarray, (x, dtype), {})
        self._tape.note_copy("backend.asarray", "to device")
        return self._tape.record("backend.asarray", self._place.asarray, (x, dtype), {})

    def to_numpy(self, x: Array) -> Any:
        """Return x as a NumPy array: a copy to the host."""
        self._tape.note_copy("backend.to_numpy", "to host")
        return self._place.to_numpy(x.array if isinstance(x, Tracer) else x)

    def synchronize(self) -> None:
        """Wait for the device."""
        self._tape.note_copy("backend.synchronize", "waits")
        self._place.synchronize()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> "AuditedBackend":
        return self

    def __repr__(self) -> str:
        return repr(self._place)
