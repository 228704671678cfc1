"""Arguments of operations: as they are computed with, and as they are written down."""

from collections.abc import Iterable
from typing import Any

from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.tracing.tracer import Tracer

LISTS = (list, tuple)  # a union of types would be made anew in each call of isinstance
_PLAIN = {int, float, bool, str, slice, type(None)}


class Arguments:
    """What a Tape makes of arguments."""

    _kind: type[Tracer]
    _kinds: tuple[type, ...]

    def tracer_of(self, x: Any) -> Tracer:
        """Return a tracer as it is; of any other array the tracer of a constant."""
        raise NotImplementedError

    def both(self, item: Any, tracers: list[Tracer]) -> tuple[Any, Any]:
        """Return arguments as they are computed with and as they are written down."""
        kind = type(item)
        if kind in _PLAIN:
            return item, item
        if kind is self._kind or isinstance(item, self._kinds):
            tracers.append(tracer := item if kind is self._kind else self.tracer_of(item))
            return tracer.array, tracer.traced
        if isinstance(item, HostScalar):
            return item.value, item
        if isinstance(item, dict):
            real, traced = self.all_of(item.values(), tracers)
            return dict(zip(item, real, strict=True)), dict(zip(item, traced, strict=True))
        if not isinstance(item, LISTS):
            return item, item
        real, traced = self.all_of(item, tracers)
        return kind(real), kind(traced)

    def all_of(self, items: Iterable[Any], tracers: list[Tracer]) -> tuple[list[Any], list[Any]]:
        """Return the same of each of some arguments."""
        real, traced = [], []
        for item in items:
            if type(item) is self._kind:  # most are: without a call they take half as long
                tracers.append(item)
                here, written = item.array, item.traced
            else:
                here, written = self.both(item, tracers)
            real.append(here)
            traced.append(written)
        return real, traced
