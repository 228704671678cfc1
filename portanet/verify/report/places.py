"""How places are called in reports and on the command line: "torch", "strict:no_float64"."""

from portanet.backends import Backend, get


def place_of(name: str) -> Backend:
    """Return the backend called "name" or "name:device". Raises MissingBackendError.

    >>> place_of("numpy")
    backend 'numpy' on cpu
    """
    backend, _, device = name.partition(":")
    if not device:
        return get(backend)
    return get(backend, int(device) if device.isdigit() else device)
