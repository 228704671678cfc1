"""Runs of the readable code on the host, under a tape, from a given start; nothing is changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.checks import skip_value_checks
from portanet.compiler.tracing.rollback import undone
from portanet.compiler.tracing.tracer import Tracer
from portanet.compiler.verification.noise import NoisyTape, in_float64
from portanet.data.lazy_batch import Batch
from portanet.joined import Share, sharing
from portanet.parameter import Holder
from portanet.sequential import Sequential
from portanet.several import map_parts
from portanet.typing import Array


def on_host(arrays: Mapping[str, Array]) -> dict[str, np.ndarray]:
    """Return arrays by name as arrays of the host."""
    return {name: one_on_host(array) for name, array in arrays.items()}


def one_on_host(array: Array) -> np.ndarray:
    """Return an array as one of the host."""
    if isinstance(array, np.ndarray):
        return array
    return np.asarray(backend_of(array).to_numpy(array))


@contextmanager
def held(holders: Mapping[str, Holder], arrays: Mapping[str, Any]) -> Iterator[None]:
    """Within this block parameters and buffers hold other arrays, and no gradients."""
    kept = [(vars(holder), dict(vars(holder))) for holder in holders.values()]
    try:
        for name, holder in holders.items():
            vars(holder).update(_array=arrays[name], _lender=None, _grad=None, _grad_lender=None)
        yield
    finally:
        for now, before in kept:
            now.clear()
            now.update(before)


@contextmanager
def holding(attributes: Iterable[tuple[dict[str, Any], str, Any]]) -> Iterator[None]:
    """Within this block some objects' attributes, (dict, name, value), are others, on the host."""
    attributes = list(attributes)
    kept = [held.get(key) for held, key, _ in attributes]
    try:
        for held, key, value in attributes:
            array = hasattr(value, "dtype")
            held[key] = on_host({key: value})[key] if array else value
        yield
    finally:
        for (held, key, _), value in zip(attributes, kept, strict=True):
            held[key] = value


class GradientRun:
    """The step up to its gradients, from a given start, on the host under tapes.

    `start` holds the values of parameters and buffers by name, `drawn` what the step has drawn;
    `attributes` of layers are (dict, name, value), as they were at the start; playing() returns the
    share of the batch, see reductions.py.
    """

    def __init__(
        self, model: Sequential, start: Mapping[str, Array], batch: Batch,
        attributes: Iterable[tuple[dict[str, Any], str, Any]], drawn: Any,
        playing: Callable[[], Share | None] = lambda: None,
    ) -> None:  # fmt: skip
        self._playing = playing
        self._model, self._attributes, self._drawn = model, list(attributes), drawn
        self._given = start, batch

    def on_tape(self, tape: NoisyTape, names: Any) -> dict[str, np.ndarray]:  # noqa: ARG002
        """Return losses, gradients, buffers and attributes by the names of a plan's results.

        Without noise and draws no tape is needed: the code runs on mere arrays, as it is written.
        """
        start, batch = self._entering
        tape.draws = list(self._drawn)
        enter = tape.enter if self._drawn or tape.is_noisy else lambda array: array
        with holding(self._attributes), sharing(self._playing()):
            return _forward_and_backward(self._model, enter, start, batch)

    @cached_property
    def _entering(self) -> tuple[dict[str, np.ndarray], Batch]:
        """Start and batch on the host in float64, which all runs share."""
        start, batch = self._given
        of_start = {name: in_float64(one_on_host(array)) for name, array in start.items()}
        x, y = (map_parts(lambda array: in_float64(one_on_host(array)), of) for of in batch)
        return of_start, (x, y)


def _forward_and_backward(
    model: Sequential, enter: Callable[[Any], Any], start: Mapping[str, np.ndarray], batch: Batch
) -> dict[str, np.ndarray]:
    holders = {**model.named_parameters(), **model.named_buffers()}
    entered = {name: enter(array) for name, array in start.items()}
    with undone({"": model}), skip_value_checks(), held(holders, entered):
        x, y = (map_parts(enter, of) for of in batch)
        losses = model.criterion.forward(model.forward(x, training=True), y, training=True)
        model.backward()
        found: dict[str, Any] = {"losses": losses}
        found |= {f"grad:{n}": p.grad for n, p in model.named_parameters().items()}
        found |= {n: b.value for n, b in model.named_buffers().items()}
        for name, part in model.named_parts().items():
            found |= {f"attribute:{name}.{key}": value for key, value in vars(part).items()}
    found = {n: t.array if isinstance(t, Tracer) else t for n, t in found.items()}
    # NumPy's functions return scalars where an array has no axes
    arrays = np.ndarray | np.generic
    return {n: np.asarray(array) for n, array in found.items() if isinstance(array, arrays)}
