"""Rollback: what was changed in place is put back, as if nothing had been tried."""

import random
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from portanet.compiler.guards.attributes import slots_of
from portanet.compiler.guards.guards import survey_of


@contextmanager
def undone(roots: dict[str, Any]) -> Iterator[None]:
    """Within this block everything that can be reached from some roots may be changed.

    At its end, however it ends, attributes, lists, dicts, sets, arrays, and NumPy's and Python's
    random streams go back to where they stood.
    """
    undo = Undo(survey_of(roots, set()).mutable)
    try:
        yield
    finally:
        undo.put_back()


class Undo:
    """Remembers what some things hold, one level deep."""

    def __init__(self, things: Iterable[Any]) -> None:
        chance, at = np.random.get_state(), random.getstate()  # noqa: NPY002 - the users' stream
        self._steps: list[Callable[[], Any]] = [
            lambda: np.random.set_state(chance),  # noqa: NPY002
            lambda: random.setstate(at),
        ]
        for thing in things:
            self._remember(thing)

    def put_back(self) -> None:
        """Put everything back."""
        for step in self._steps:
            step()

    def _remember(self, thing: Any) -> None:
        if isinstance(thing, dict):
            self._remember_dict(thing)
        elif isinstance(thing, set):
            self._remember_items(thing, set.clear, set.update)
        elif isinstance(thing, (array, bytearray)):
            self._remember_bytes(thing)
        elif isinstance(thing, memoryview):
            self._remember_array(np.asarray(thing))
        elif isinstance(thing, np.ndarray):
            self._remember_array(thing)
        elif isinstance(thing, np.random.Generator):
            self._remember_state(thing.bit_generator)
        elif isinstance(thing, np.random.RandomState):
            state = thing.get_state()
            self._steps.append(lambda: thing.set_state(state))
        elif isinstance(thing, random.Random):
            at = thing.getstate()
            self._steps.append(lambda: thing.setstate(at))
        elif isinstance(thing, (list, deque)):
            kind = list if isinstance(thing, list) else deque
            self._remember_items(thing, kind.clear, kind.extend)
        if hasattr(thing, "__dict__"):
            self._remember_dict(vars(thing))
        self._remember_slots(thing)

    def _remember_dict(self, held: dict[Any, Any]) -> None:
        kept = dict(held)

        def put_back() -> None:
            for key in held.keys() - kept.keys():
                dict.pop(held, key)
            dict.update(held, kept)  # a Counter's own method would add

        self._steps.append(put_back)

    def _remember_slots(self, thing: Any) -> None:
        for key in slots_of(type(thing)):
            if hasattr(thing, key):
                self._steps.append(partial(object.__setattr__, thing, key, getattr(thing, key)))

    def _remember_items(
        self, held: Any, clear: Callable[[Any], None], fill: Callable[[Any, Any], None]
    ) -> None:
        kept = [*held]

        def put_back() -> None:
            clear(held)
            fill(held, kept)

        self._steps.append(put_back)

    def _remember_array(self, held: np.ndarray) -> None:
        if held.flags.writeable:
            kept = held.copy()
            self._steps.append(lambda: np.copyto(held, kept))

    def _remember_bytes(self, held: Any) -> None:
        kept = held[:]

        def put_back() -> None:
            held[:] = kept

        self._steps.append(put_back)

    def _remember_state(self, stream: Any) -> None:
        kept = stream.state
        self._steps.append(lambda: setattr(stream, "state", kept))
