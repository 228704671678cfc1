"""Where a report compares: backends and devices, called "torch", "cupy:1", "strict:no_float64"."""

from collections.abc import Sequence

from portanet import backends
from portanet.backends import Backend
from portanet.errors import MissingBackendError
from portanet.verify.report.finding import Skipped

_MORE = ("strict:no_float64",)  # beside every backend's default device


def place_of(name: str) -> Backend:
    """Return the backend called "name" or "name:device".

    Raises MissingBackendError if it does not run here, ArgumentError for an unknown name.

    >>> place_of("numpy")
    backend 'numpy' on cpu
    """
    backend, _, device = name.partition(":")
    if not device:
        return backends.get(backend)
    return backends.get(backend, int(device) if device.isdigit() else device)


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
