"""Where a report compares: backends and devices, called "torch", "cupy:1", "strict:no_float64"."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from portanet import backends
from portanet.backends import Backend
from portanet.errors import MissingBackendError, PlacementError
from portanet.verify.report.finding import Skipped

_MORE = ("strict:no_float64",)  # beside every backend's default device


def place_of(name: str) -> Backend:
    """Return the backend called "name" or "name:device".

    Raises MissingBackendError if it does not run here, ArgumentError for an unknown name.

    >>> place_of("numpy")
    backend 'numpy' on cpu
    """
    backend, _, text = name.partition(":")
    if not text:
        return backends.get(backend)
    device = int(text) if text.isdigit() else text
    try:
        return backends.get(backend, device)
    except PlacementError:  # there is such a device, and CuPy computes on the current one
        with type(backends.get(backend).device)(device):
            return backends.get(backend, device)


def at_work(place: Backend) -> AbstractContextManager[Any]:
    """Return a context in which a library computes on a place's device: CuPy's current one.

    The devices of other libraries are where their arrays are.
    """
    return place.device if place.name == "cupy" else nullcontext()


def each(places: Iterable[tuple[str, Backend]]) -> Iterator[tuple[str, Backend]]:
    """Yield the name of each place and the place, its device at work until the next."""
    for name, place in places:
        with at_work(place):
            yield name, place


def other_devices(places: Mapping[str, Backend], place: Backend) -> dict[str, Backend]:
    """Return the places that are other devices of the same library."""
    return {n: p for n, p in places.items() if p.name == place.name and p is not place}


def places_for(names: Sequence[str] | None) -> tuple[dict[str, Backend], list[Skipped]]:
    """Return the places of these names, None for all that run here; and which do not, and why."""
    if names is not None:
        return {name: place_of(name) for name in names}, []
    places, missing = {}, []
    for name in (*backends.names(), *_MORE):
        try:
            places[name] = place_of(name)
        except MissingBackendError as error:
            missing.append(Skipped("everything", name, "", str(error)))
    return places, missing
