"""StandardBackend: any namespace that follows the array API standard."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from portanet.backends._installing import WHERE
from portanet.errors import DtypeError, MissingBackendError
from portanet.typing import Array, Dtype, Namespace


class StandardBackend:
    """A backend made of a namespace and one of its devices.

    Sufficient for any library whose arrays `numpy.asarray` reads; the backends of others (CuPy,
    PyTorch, array-api-strict on a fake device) override what differs.

    >>> import array_api_compat.numpy as xp
    >>> backend = StandardBackend("mine", xp, "cpu")
    >>> backend.asarray([1, 2], "float32")
    array([1., 2.], dtype=float32)
    """

    why_no_half = (
        "the array API standard has no half precision. Train in float32 (precision=None), or move "
        "the network first: .to('cupy'), .to('torch'), .to('jax')"
    )

    def __init__(
        self,
        name: str,
        xp: Namespace,
        device: Any = None,
        kernels: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.name, self.xp, self.device = name, xp, device
        self.kernels = {} if kernels is None else kernels
        self.copies_to_host = 0

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return x on this device, cast if asked."""
        x, name = _native(x), dtype or _dtype_name(x)
        return self.xp.asarray(x, dtype=name and self.dtype(name), device=self.device)

    def to_numpy(self, x: Array) -> Any:
        """Return x as a NumPy array; counted in `copies_to_host`."""
        self.copies_to_host += 1
        return np.asarray(x)

    def synchronize(self) -> None:
        """Do nothing: these arrays are ready when they are returned."""

    def dtype(self, name: str) -> Dtype:
        """Return the namespace's dtype called `name`."""
        if name not in self.dtypes:
            raise DtypeError(
                f"{self}: {name} was requested, which this device does not have; "
                f"choose one of {', '.join(sorted(self.dtypes))}"
            )
        return getattr(self.xp, name)

    def half_dtype(self, name: str) -> Dtype:
        """Return the namespace's "float16" or "bfloat16". Raises DtypeError: none is fast."""
        raise DtypeError(f"{self}: {name} was requested for mixed precision; {self.why_no_half}")

    def index_dtype(self) -> str:
        """Return "int64", or "int32" where there is no int64."""
        return "int64" if "int64" in self.dtypes else "int32"

    def free_memory(self) -> int | None:
        """Return None: arrays live in host memory."""
        return None

    @cached_property
    def dtypes(self) -> frozenset[str]:
        """The names of the dtypes that this device has."""
        return frozenset(self.xp.__array_namespace_info__().dtypes(device=self.device))

    def __deepcopy__(self, memo: dict[int, Any]) -> "StandardBackend":
        return self  # one per device, shared by copies of networks

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, Any]]:
        from portanet.backends._registry import get

        return get, (self.name, self.device_to_pickle())  # a pickle holds nothing else

    def device_to_pickle(self) -> Any:
        """Return the device as `get` takes it, in a form that can be pickled."""
        return self.device

    def __repr__(self) -> str:
        return f"backend {self.name!r} on {self.device}"


def missing_package(backend: str, package: str, command: str) -> MissingBackendError:
    """Return the error for a library that is not installed."""
    return MissingBackendError(
        f"backend {backend!r}: the package {package} is not installed; {WHERE} run: {command}",
        backend=backend,
        missing="package",
        command=command,
    )


def _native(x: Array) -> Array:
    """Return a NumPy array in native byte order, which other libraries need; others unchanged."""
    dtype = getattr(x, "dtype", None)
    foreign = isinstance(dtype, np.dtype) and not dtype.isnative
    return x.astype(dtype.newbyteorder("=")) if foreign else x


def _dtype_name(x: Array) -> str | None:
    """Return the name of a NumPy dtype, None if x has none or one of another library."""
    dtype = getattr(x, "dtype", None)
    return dtype.name if isinstance(dtype, np.dtype) else None
