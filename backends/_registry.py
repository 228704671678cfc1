"""Which backends there are, which of them work here, and which one an array belongs to.

Nothing is imported before it is asked for, and a backend counts as available only once an array
has been allocated and added up on its device: CuPy imports well on a machine without a GPU.
"""

import importlib
from typing import Any

from portanet.backends._protocol import Backend
from portanet.errors import ArgumentError, BackendError, DtypeError, MissingBackendError
from portanet.typing import Array, Namespace

_MODULES = {
    "numpy": "portanet.backends._numpy.make",
    "cupy": "portanet.backends._cupy.make",
    **{name: f"portanet.backends._{name}" for name in ("torch", "jax", "strict")},
}
_OF_PACKAGE = {  # the package that an array's class comes from -> the backend's name
    "numpy": "numpy",
    "cupy": "cupy",
    "torch": "torch",
    "jax": "jax",
    "jaxlib": "jax",
    "array_api_strict": "strict",
}
_GROUP = "portanet.backends"

# Caches, all of them: what they hold never changes once it is known.
_working: dict[tuple[str, object], Backend] = {}
_by_array: dict[tuple[type, object], Backend] = {}
_namespaces: dict[type, Namespace] = {}


def names() -> tuple[str, ...]:
    """Return the names of all known backends, whether they run here or not.

    >>> names()[:3]
    ('numpy', 'cupy', 'torch')
    """
    return (*_MODULES, *(e.name for e in _entries() if e.name not in _MODULES))


def get(name: str, device: Any = None) -> Backend:
    """Return the backend called `name`, on `device` (None: the library's usual one).

    Raises MissingBackendError, which names the missing package, driver or device and the command
    that mends it, or ArgumentError for an unknown name or device.

    >>> get("numpy")
    backend 'numpy' on cpu
    """
    if not isinstance(name, str):
        raise ArgumentError(f"get: name must be one of {', '.join(names())}, is {name!r}")
    backend = _factory(name)(device)
    key = (
        name,
        _hashable(backend.device),
    )  # asked for each time: CuPy's usual device is the current one
    if key not in _working:
        _prove(backend)
        _working[key] = backend
    return _working[key]


def available() -> tuple[str, ...]:
    """Return the names of the backends that allocate and add on this machine.

    >>> "numpy" in available()
    True
    """
    return tuple(name for name in names() if name not in missing())


def missing() -> dict[str, MissingBackendError]:
    """Return, for each backend that does not run here, the error that says why."""
    errors = {}
    for name in names():
        try:
            get(name)
        except MissingBackendError as error:
            errors[name] = error
    return errors


def backend_of(x: Array) -> Backend:
    """Return the backend, with its device, that the array x belongs to.

    Raises DtypeError if x is not an array of any backend.

    >>> import numpy as np
    >>> backend_of(np.zeros(2)).name
    'numpy'
    """
    key = (type(x), _hashable(getattr(x, "device", None)))
    backend = _by_array.get(key)
    if backend is None:
        backend = _by_array[key] = _find(x)
    return backend


def array_namespace(x: Array) -> Namespace:
    """Return the namespace of functions that the array x carries.

    >>> import numpy as np
    >>> array_namespace(np.zeros(2)).__name__
    'array_api_compat.numpy'
    """
    xp = _namespaces.get(type(x))
    if xp is None:
        package = type(x).__module__.partition(".")[0]
        if package not in _OF_PACKAGE:  # an array that carries its own namespace
            return _own_namespace(x)
        xp = _namespaces[type(x)] = get(_OF_PACKAGE[package]).xp
    return xp


def _hashable(device: Any) -> object:
    return device if device.__hash__ else device.id  # CuPy's devices compare, but do not hash


def _own_namespace(x: Array) -> Namespace:
    try:
        return x.__array_namespace__()
    except AttributeError:
        raise DtypeError(
            f"wanted an array (NumPy, CuPy, PyTorch, JAX or any other of the array API standard), "
            f"got {type(x).__module__}.{type(x).__qualname__}: convert it with numpy.asarray(...)"
        ) from None


def _find(x: Array) -> Backend:
    package = type(x).__module__.partition(".")[0]
    if package in _OF_PACKAGE:
        return get(_OF_PACKAGE[package], getattr(x, "device", None))
    own = getattr(type(x), "__portanet_backend__", None)
    if own is not None:  # an array around another: what the compiler traces with
        return own
    xp = _own_namespace(x)
    for name in names():
        if name not in _MODULES and get(name).xp is xp:
            return get(name, getattr(x, "device", None))
    raise BackendError(
        f"no backend for arrays of {xp.__name__}: register one under the entry-point group "
        f"{_GROUP!r}, for example StandardBackend('name', {xp.__name__})"
    )


def _entries() -> Any:
    from importlib.metadata import entry_points  # a third of portanet's import time, if at the top

    return entry_points(group=_GROUP)


def _factory(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name]).make
    for entry in _entries():
        if entry.name == name:
            return entry.load()
    raise ArgumentError(f"get: there is no backend called {name!r}; there are {', '.join(names())}")


def _prove(backend: Backend) -> None:
    """Allocate on the device, add there, and look at the sum."""
    x = backend.asarray([1.0, 2.0], "float32")
    total = backend.to_numpy(backend.xp.sum(x + x))
    backend.copies_to_host = 0
    if float(total) != 6:
        raise BackendError(f"{backend} adds 1 + 2 + 1 + 2 to {float(total)}: it cannot be used")
