"""TracedNamespace: the functions of an array library, written down when they are called."""

from typing import Any

import numpy as np

from portanet.compiler.graph.graph import replaced
from portanet.compiler.tracing.tracer import Tracer

# What only looks at dtypes and shapes: nothing to remember.
_LOOKS = {
    "isdtype", "result_type", "can_cast", "finfo", "iinfo", "broadcast_shapes",
    "__array_namespace_info__",
}  # fmt: skip


class TracedNamespace:
    """A namespace whose functions are written down. Dtypes and constants are the library's own."""

    def __init__(self, tape: Any, xp: Any) -> None:
        self._tape, self._xp = tape, xp

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._xp, name)
        if not callable(attribute) or isinstance(attribute, type | np.dtype):
            return attribute
        tape = self._tape
        if name in _LOOKS:
            return lambda *args, **options: attribute(*_looked(args), **_looked(options))
        return lambda *args, **options: tape.record(name, attribute, args, options)


def _looked(item: Any) -> Any:
    return replaced(item, lambda x: x.array, (Tracer,))
