"""Undo: what a trace that has failed leaves behind is put back, as if it had not been tried."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from portanet.layer import Part
from portanet.parameter import Holder

_DEPTH = 6  # how far into a layer's own objects, lists and dicts one has to look
_CHANCE = np.random.Generator | np.random.RandomState


@contextmanager
def undone_on_error(model: Part, *others: Any) -> Iterator[None]:
    """Within this block an exception, of whatever kind, leaves a model and its parts untouched.

    Attributes, what lies in their lists, dicts and arrays, and NumPy's and Python's streams of
    chance go back to where they stood: what is tried again gives the same.
    """
    undo = _Undo()
    for part in (*model.named_parts().values(), *others):
        undo.remember(part)
    try:
        yield
    except BaseException:
        undo.put_back()
        raise


@contextmanager
def undone(model: Part) -> Iterator[None]:
    """Within this block a model and its parts may be changed: all is put back at its end."""
    undo = _Undo()
    for part in model.named_parts().values():
        undo.remember(part)
    try:
        yield
    finally:
        undo.put_back()


class _Undo:
    def __init__(self) -> None:
        chance, at = np.random.get_state(), random.getstate()  # noqa: NPY002 - the users' stream
        self._steps: list[Callable[[], Any]] = [
            lambda: np.random.set_state(chance),  # noqa: NPY002
            lambda: random.setstate(at),
        ]
        self._seen: dict[int, Any] = {}

    def put_back(self) -> None:
        """Put everything back."""
        for step in self._steps:
            step()

    def remember(self, thing: Any, depth: int = 0) -> None:
        """Note what a thing holds, and what lies in that."""
        if id(thing) in self._seen or depth > _DEPTH:
            return
        self._seen[id(thing)] = thing
        inside: Any = ()
        if isinstance(thing, dict):
            self._remember_dict(thing)
            inside = thing.values()
        elif isinstance(thing, list | set):
            self._remember_items(thing)
            inside = thing
        elif isinstance(thing, tuple):
            inside = thing
        elif isinstance(thing, _CHANCE):
            self._remember_chance(thing)
        elif isinstance(thing, np.ndarray):
            self._remember_array(thing)
        elif _has_attributes(thing):
            self._remember_dict(vars(thing))
            inside = () if isinstance(thing, Holder) else vars(thing).values()
        for part in inside:
            self.remember(part, depth + 1)

    def _remember_dict(self, held: dict[Any, Any]) -> None:
        kept = dict(held)

        def put_back() -> None:
            for key in held.keys() - kept.keys():
                del held[key]
            held.update(kept)

        self._steps.append(put_back)

    def _remember_items(self, held: Any) -> None:
        kept = held.copy()

        def put_back() -> None:
            held.clear()
            (held.extend if isinstance(held, list) else held.update)(kept)

        self._steps.append(put_back)

    def _remember_array(self, array: np.ndarray) -> None:
        if array.flags.writeable and array.dtype.kind in "biufc":
            kept = array.copy()
            self._steps.append(lambda: np.copyto(array, kept))

    def _remember_chance(self, stream: Any) -> None:
        if isinstance(stream, np.random.Generator):
            stream = stream.bit_generator
            kept = stream.state
            self._steps.append(lambda: setattr(stream, "state", kept))
        else:
            at = stream.get_state()
            self._steps.append(lambda: stream.set_state(at))


def _has_attributes(thing: Any) -> bool:
    """Return whether a thing is a layer's own object; backends, modules, functions are not."""
    shared = isinstance(thing, type | ModuleType | FunctionType) or hasattr(thing, "xp")
    return hasattr(thing, "__dict__") and not shared
