"""The registry of backends: their names, which of them work here, and the backend of an array.

A library is imported when its backend is requested, and a backend is available only if an array can
be allocated and added on its device: CuPy imports without error on a machine without a GPU.
"""

import importlib
from typing import Any

from portanet.backends._addition import check_addition
from portanet.backends._advice import advice, dtype_like
from portanet.backends._protocol import Backend
from portanet.errors import (
    ArgumentError,
    BackendError,
    DtypeError,
    MissingBackendError,
    PortanetError,
    one_line,
    short,
)
from portanet.typing import Array, Namespace

_MODULES = {
    "numpy": "portanet.backends._numpy.make",
    "cupy": "portanet.backends._cupy.make",
    **{name: f"portanet.backends._{name}" for name in ("torch", "jax", "strict")},
}
_OF_PACKAGE = {  # the top-level package of an array's class -> the name of its backend
    "numpy": "numpy",
    "cupy": "cupy",
    "torch": "torch",
    "jax": "jax",
    "jaxlib": "jax",
    "array_api_strict": "strict",
}
_GROUP = "portanet.backends"

# Caches: their entries never change.
_working: dict[tuple[str, object], Backend] = {}
_by_array: dict[tuple[type, object], Backend] = {}
_namespaces: dict[type, Namespace] = {}


def names() -> tuple[str, ...]:
    """Return the names of all registered backends, whether they run here or not.

    >>> names()[:3]
    ('numpy', 'cupy', 'torch')
    """
    return (*_MODULES, *(e.name for e in _entries() if e.name not in _MODULES))


def get(name: str, device: Any = None) -> Backend:
    """Return the backend called `name`, on `device` (None: the library's default device).

    Raises MissingBackendError, which names the missing package, driver or device and the command to
    run, or ArgumentError for an unknown name or device.

    >>> get("numpy")
    backend 'numpy' on cpu
    """
    if not isinstance(name, str):
        what = getattr(name, "__name__", "")
        example = f".to(dtype={what!r})" if dtype_like(what) else "model.to('cupy')"
        raise ArgumentError(
            f"get: name must be one of {', '.join(names())}, is {short(name)}; for example "
            f"{example}"
        )
    backend = _made(name, device)
    key = (name, _hashable(backend.device))  # looked up anew: CuPy's default is the current device
    if key not in _working:
        check_addition(backend)
        _working[key] = backend
    return _working[key]


def available() -> tuple[str, ...]:
    """Return the names of the backends that work on this machine.

    >>> "numpy" in available()
    True
    """
    return tuple(name for name in names() if name not in missing())


def missing() -> dict[str, MissingBackendError]:
    """Return, for each backend that does not run here, the error with the reason."""
    errors = {}
    for name in names():
        try:
            get(name)
        except MissingBackendError as error:
            errors[name] = error
    return errors


def backend_of(x: Array) -> Backend:
    """Return the backend and device of the array x.

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
    """Return the array API namespace of the array x.

    >>> import numpy as np
    >>> array_namespace(np.zeros(2)).__name__
    'array_api_compat.numpy'
    """
    xp = _namespaces.get(type(x))
    if xp is None:
        package = type(x).__module__.partition(".")[0]
        if package not in _OF_PACKAGE:  # an array with a namespace of its own
            return _own_namespace(x)
        xp = _namespaces[type(x)] = get(_OF_PACKAGE[package]).xp
    return xp


def _hashable(device: Any) -> object:
    """Return a device, or what a cache may know it by.

    CuPy's devices are not hashable, and which of them can be used depends on the current one.
    """
    return device if device.__hash__ else (device.id, type(device)().id)


def _own_namespace(x: Array) -> Namespace:
    try:
        return x.__array_namespace__()
    except AttributeError:
        raise DtypeError(
            "wanted an array (NumPy, CuPy, PyTorch, JAX or another array API library), got "
            f"{type(x).__module__}.{type(x).__qualname__}: convert it with numpy.asarray(...)"
        ) from None


def _find(x: Array) -> Backend:
    package = type(x).__module__.partition(".")[0]
    if package in _OF_PACKAGE:
        return get(_OF_PACKAGE[package], getattr(x, "device", None))
    own = getattr(type(x), "__portanet_backend__", None)
    if own is not None:  # a wrapper of an array: the compiler's tracer
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
    from importlib.metadata import entry_points  # at the top a third of portanet's import time

    return entry_points(group=_GROUP)


def _made(name: str, device: Any) -> Backend:
    try:
        return _factory(name)(device)
    except PortanetError:
        raise
    except Exception as error:
        if device is not None:  # a device that the library does not know
            raise
        raise MissingBackendError(
            f"backend {name!r}: its package is installed but fails ({one_line(error)}); install it "
            "again, or uninstall it", backend=name, missing="package",
        ) from error  # fmt: skip


def _factory(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name]).make
    for entry in _entries():
        if entry.name == name:
            return entry.load()
    raise ArgumentError(
        f"get: there is no backend called {short(name)}; there are {', '.join(names())}"
        + advice(name, names())
    )
