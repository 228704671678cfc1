"""ArraySurvey: the part of a survey that looks at host arrays, and at bytes that can be written."""

from array import array
from typing import Any

import numpy as np

from portanet.compiler.guards import facts
from portanet.compiler.guards.quick import QuickChecks

BUFFERS = (array, bytearray, memoryview)


class ArraySurvey:
    """Notes what arrays hold; `look` notes a thing of any kind."""

    checks: QuickChecks
    mutable: list[Any]
    largest: float

    def look(self, thing: Any, name: str) -> None:
        """Note a thing, and what lies in it."""
        raise NotImplementedError

    def _note(self, name: str, fact: facts.Fact) -> None:
        raise NotImplementedError

    def _array(self, thing: np.ndarray, name: str) -> None:
        self.mutable.append(thing)
        self._note(name, facts.array(thing, self.largest))
        if thing.dtype == object:
            self._objects(thing, name)
        elif thing.nbytes <= self.largest and not thing.dtype.hasobject:
            self.checks.array(thing)

    def _objects(self, thing: np.ndarray, name: str) -> None:
        """Note the Python objects that an array refers to."""
        self.checks.objects(thing)
        for i, item in enumerate(thing.flat):
            self.look(item, f"{name}.{i}")

    def _buffer(self, thing: Any, name: str) -> None:
        """Note bytes that can be written in place, as those of an array."""
        view = memoryview(thing)
        self.mutable.append(thing)
        small = view.nbytes <= self.largest
        self._note(name, facts.buffer(thing, view.tobytes() if small else None))
        if small:
            self.checks.buffer(thing)
