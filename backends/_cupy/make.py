"""CuPy: one NVIDIA GPU.

CuPy launches kernels on the current device. A process that trains uses one GPU (one process a
GPU is also how several are used), so this backend stands for the device that is current when it
is asked for; another one is refused with the line that makes it current.
"""

from functools import cache
from typing import Any

from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError, MissingBackendError
from portanet.typing import Array

INSTALL = "pip install -e '.[cuda13]'"
_CUDA_12 = "(for CUDA 12: pip install -e '.[cuda12]')"
_OLDEST = 14
_INSUFFICIENT_DRIVER = 35  # cudaErrorInsufficientDriver, which not every CuPy names


def make(device: object = None) -> "CupyBackend":
    """Return the backend of the current CUDA device, or of `device` (a number) if that is it."""
    cp = _import_cupy()
    n_devices = _require_a_device(cp)
    current = cp.cuda.Device()
    number = current.id if device is None else _number(device)
    if number >= n_devices:
        raise ArgumentError(
            f"backend 'cupy': device {number} was wanted, but CuPy finds {n_devices} here, "
            f"numbered from 0"
        )
    if number != current.id:
        raise ArgumentError(
            f"backend 'cupy': device {number} was wanted, but CuPy's current device is "
            f"{current.id}; first run: cupy.cuda.Device({number}).use()"
        )
    _require_a_toolkit(cp)
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

    def synchronize(self) -> None:
        """Wait for the current stream."""
        self._cp.cuda.get_current_stream().synchronize()

    def free_memory(self) -> int | None:
        """Return the free memory of the device, and what CuPy's pool holds unused."""
        return self.device.mem_info[0] + self._cp.get_default_memory_pool().free_bytes()


def _import_cupy() -> Any:
    try:
        import cupy as cp
    except ImportError as error:
        installed = not isinstance(error, ModuleNotFoundError)
        raise MissingBackendError(
            f"backend 'cupy': the package CuPy {_why_no_import(installed, error)}; "
            f"in a clone of portanet run: {INSTALL} {_CUDA_12}",
            backend="cupy", missing="package", command=INSTALL,
        ) from error  # fmt: skip
    if int(cp.__version__.split(".")[0]) < _OLDEST:
        command = INSTALL.replace("install", "install --upgrade", 1)
        raise MissingBackendError(
            f"backend 'cupy': CuPy {cp.__version__} is too old, {_OLDEST} or newer is needed; "
            f"in a clone of portanet run: {command} {_CUDA_12}",
            backend="cupy", missing="package", command=command,
        )  # fmt: skip
    return cp


def _why_no_import(installed: bool, error: ImportError) -> str:
    return f"is installed but does not import ({error})" if installed else "is not installed"


def _require_a_device(cp: Any) -> int:
    """Return how many devices there are."""
    try:
        n_devices = cp.cuda.runtime.getDeviceCount()
    except cp.cuda.runtime.CUDARuntimeError as error:
        if error.status != _INSUFFICIENT_DRIVER:
            n_devices = 0
        else:
            raise MissingBackendError(
                f"backend 'cupy': CuPy {cp.__version__} is installed, but there is no NVIDIA "
                "driver that it can use; install the driver of your card (nvidia-smi shows "
                "whether one runs)",
                backend="cupy", missing="driver", command="nvidia-smi",
            ) from error  # fmt: skip
    if n_devices == 0:
        raise MissingBackendError(
            f"backend 'cupy': CuPy {cp.__version__} is installed, but finds no CUDA device; check "
            "that nvidia-smi lists one and that CUDA_VISIBLE_DEVICES does not hide it",
            backend="cupy", missing="device", command="nvidia-smi",
        )  # fmt: skip
    return n_devices


@cache
def _require_a_toolkit(cp: Any) -> None:
    """Compile a kernel that does nothing: CuPy looks for the compiler when it is used.

    It comes with CuPy's extra [ctk], or with NVIDIA's toolkit.
    """
    try:
        cp.RawModule(code='extern "C" __global__ void portanet_probe() {}').compile()
    except (RuntimeError, OSError, ImportError, cp.cuda.compiler.CompileException) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise MissingBackendError(
            f"backend 'cupy': CuPy {cp.__version__} is installed, but cannot compile a "
            f"kernel ({reason}); CUDA's toolkit comes with, in a clone of portanet: {INSTALL} "
            f"{_CUDA_12}",
            backend="cupy", missing="toolkit", command=INSTALL,
        ) from error  # fmt: skip


def _number(device: object) -> int:
    """Return the number of a device given as 1, "1", "cuda:1" or cupy.cuda.Device(1)."""
    text = str(getattr(device, "id", device)).removeprefix("cuda:")
    if not text.isdecimal():
        raise ArgumentError(
            f"backend 'cupy': device must be a number such as 0 (or 'cuda:0'), is {device!r}"
        )
    return int(text)
