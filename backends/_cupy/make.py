"""CuPy: one NVIDIA GPU.

CuPy launches kernels on the current device. A process that trains uses one GPU (one process a
GPU is also how several are used), so this backend stands for the device that is current when it
is asked for; another one is refused with the line that makes it current.
"""

from typing import Any

from portanet.backends._cupy.requirements import count_devices, import_cupy, require_a_toolkit
from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError, DtypeError, PlacementError
from portanet.typing import Array, Dtype


def make(device: object = None) -> "CupyBackend":
    """Return the backend of the current CUDA device, or of `device` (a number) if that is it.

    Raises MissingBackendError if CuPy, a driver, a device or CUDA's toolkit is missing,
    ArgumentError if there is no such device, PlacementError if another one is current.
    """
    cp = import_cupy()
    n_devices = count_devices(cp)
    current = cp.cuda.Device()
    number = current.id if device is None else _number(device)
    if number >= n_devices:
        raise ArgumentError(
            f"backend 'cupy': device {number} was wanted, but CuPy finds {n_devices} here, "
            f"numbered from 0"
        )
    if number != current.id:
        raise PlacementError(
            f"backend 'cupy': device {number} was wanted, but CuPy's current device is "
            f"{current.id}; first run: cupy.cuda.Device({number}).use()"
        )
    require_a_toolkit(cp)
    return CupyBackend(cp, current)


class CupyBackend(StandardBackend):
    """CuPy arrays on one CUDA device."""

    def __init__(self, cp: Any, device: Any) -> None:
        import array_api_compat.cupy as xp

        from portanet.backends._cupy import (
            kernels,
            kernels_conv,
            kernels_draws,
            kernels_erf,
            kernels_pool,
            kernels_segments,
        )

        # one module for each file of kernels
        files = (
            kernels, kernels_conv, kernels_draws, kernels_erf, kernels_pool, kernels_segments,
        )  # fmt: skip
        found = {name: kernel for file in files for name, kernel in file.KERNELS.items()}
        super().__init__("cupy", xp, device, found)
        self._cp = cp

    def to_numpy(self, x: Array) -> Any:
        """Return a copy on the host, after waiting for the work that makes x."""
        self.copies_to_host += 1
        return self._cp.asnumpy(x)

    def half_dtype(self, name: str) -> Dtype:
        """Return CuPy's float16. Raises DtypeError for bfloat16."""
        if name != "float16":
            raise DtypeError(
                f"{self}: {name} was requested for mixed precision, but CuPy's bfloat16 becomes "
                "float32 where it meets a Python number; use 'float16'"
            )
        return self._cp.dtype(name)

    def synchronize(self) -> None:
        """Wait for the current stream."""
        self._cp.cuda.get_current_stream().synchronize()

    def free_memory(self) -> int | None:
        """Return the free memory of the device, and what CuPy's pool holds unused."""
        return self.device.mem_info[0] + self._cp.get_default_memory_pool().free_bytes()


def _number(device: object) -> int:
    """Return the number of a device given as 1, "1", "cuda:1" or cupy.cuda.Device(1)."""
    text = str(getattr(device, "id", device)).removeprefix("cuda:")
    if not text.isdecimal():
        raise ArgumentError(
            f"backend 'cupy': device must be a number such as 0 (or 'cuda:0'), is {device!r}"
        )
    return int(text)
