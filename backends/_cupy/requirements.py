"""What CuPy needs of a machine, and an error for each thing that may be missing.

In this order: the package, the driver, a device, the toolkit (NVRTC, CUDA's headers and cuBLAS).
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from portanet.backends._installing import WHERE, install
from portanet.errors import MissingBackendError, one_line

INSTALL, INSTALL_12 = install("cuda13"), install("cuda12")
_OLDEST = 14
_INSUFFICIENT_DRIVER, _NO_DEVICE = 35, 100  # not every CuPy has the names of these errors
_PROBE = '#include <cuda_fp16.h>\nextern "C" __global__ void portanet_probe() {}'


def import_cupy() -> Any:
    """Return CuPy. Raises MissingBackendError if it is not installed, too old, or broken."""
    try:
        import cupy as cp

        number = cp.__version__
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise _broken(error) from error
        raise _missing(
            "package", f"the package CuPy is not installed; {_in_a_clone(INSTALL)}", INSTALL
        ) from error
    except Exception as error:  # a broken package may raise anything
        raise _broken(error) from error
    if int(number.split(".")[0]) < _OLDEST:
        command = INSTALL.replace("install", "install --upgrade", 1)
        problem = f"CuPy {number} is too old, {_OLDEST} or newer is needed"
        raise _missing("package", f"{problem}; {_in_a_clone(command)}", command)
    return cp


def count_devices(cp: Any) -> int:
    """Return the number of CUDA devices. Raises MissingBackendError if there is none."""
    try:
        n_devices = cp.cuda.runtime.getDeviceCount()
    except cp.cuda.runtime.CUDARuntimeError as error:
        if error.status == _INSUFFICIENT_DRIVER:
            raise _no_driver(cp) from error
        if error.status != _NO_DEVICE:
            raise _missing(
                "driver", f"{_has(cp)}, but the NVIDIA driver fails ({one_line(error)}); check "
                "that nvidia-smi works: after an update the machine must be restarted",
                "nvidia-smi",
            ) from error  # fmt: skip
        n_devices = 0
    if n_devices == 0:
        raise _missing(
            "device", f"{_has(cp)}, but finds no CUDA device; check that nvidia-smi lists one and "
            "that CUDA_VISIBLE_DEVICES does not hide it", "nvidia-smi",
        )  # fmt: skip
    return n_devices


@cache
def require_a_toolkit(cp: Any) -> None:
    """Raise MissingBackendError unless NVRTC, CUDA's headers and cuBLAS are found.

    CuPy looks for them when they are used. They come with its extra [ctk], or with NVIDIA's
    toolkit.
    """
    try:
        cp.RawModule(code=_PROBE).compile()
    except (RuntimeError, OSError, ImportError, cp.cuda.compiler.CompileException) as error:
        raise _no_toolkit(cp, f"cannot compile a kernel ({one_line(error)})") from error
    cublas_path(cp)


def cublas_path(cp: Any) -> str:
    """Return the path of the cuBLAS that CuPy uses; both ask NVIDIA's path finder."""
    from cuda import pathfinder

    try:
        return pathfinder.load_nvidia_dynamic_lib("cublas").abs_path
    except (RuntimeError, OSError) as error:
        raise _no_toolkit(cp, f"does not find cuBLAS ({one_line(error)})") from error


def _no_driver(cp: Any) -> MissingBackendError:
    """Return the error for a driver that is not there, or that is older than CuPy's CUDA."""
    needed, driver = cp.cuda.runtime.runtimeGetVersion(), cp.cuda.runtime.driverGetVersion()
    if driver == 0:
        return _missing(
            "driver", f"{_has(cp)}, but there is no NVIDIA driver; install the driver of your card "
            "(a container is started with --gpus all), after which nvidia-smi lists the card",
            "nvidia-smi",
        )  # fmt: skip
    problem = (
        f"CuPy {cp.__version__} is made for CUDA {cuda_version(needed)}, the NVIDIA driver for "
        f"CUDA {cuda_version(driver)} at most; update the driver"
    )
    if needed // 1000 == 13 and driver // 1000 == 12:
        command = f"pip uninstall -y cupy-cuda13x && {INSTALL_12}"
        return _missing(
            "driver", f"{problem}, or take CuPy for CUDA 12, {WHERE}: {command}",
            command,
        )  # fmt: skip
    return _missing("driver", f"{problem} (nvidia-smi shows its version)", "nvidia-smi")


def cuda_version(number: int) -> str:
    """Return CUDA's version as text.

    >>> cuda_version(12090)
    '12.9'
    """
    return f"{number // 1000}.{number % 1000 // 10}"


def _no_toolkit(cp: Any, problem: str) -> MissingBackendError:
    of_12 = cp.cuda.runtime.runtimeGetVersion() // 1000 == 12
    command = INSTALL_12 if of_12 else INSTALL
    return _missing(
        "toolkit", f"{_has(cp)}, but {problem}; CUDA's toolkit comes with, {WHERE}: {command}",
        command,
    )  # fmt: skip


def _broken(error: Exception) -> MissingBackendError:
    cause = error.__cause__ or error  # CuPy wraps the reason in a page of advice
    command = f"pip install --force-reinstall {installed_cupy() or 'cupy-cuda13x'}"
    return _missing(
        "package", f"the package CuPy is installed but does not import ({one_line(cause)}); "
        f"install it again: {command}", command,
    )  # fmt: skip


def installed_cupy() -> str | None:
    """Return the name of CuPy's package that is installed: of its wheels, else None."""
    for name in ("cupy-cuda13x", "cupy-cuda12x"):
        try:
            version(name)
        except PackageNotFoundError:
            continue
        return name
    return None


def _missing(what: str, problem: str, command: str) -> MissingBackendError:
    return MissingBackendError(
        f"backend 'cupy': {problem}", backend="cupy", missing=what, command=command
    )


def _has(cp: Any) -> str:
    return f"CuPy {cp.__version__} is installed"


def _in_a_clone(command: str) -> str:
    return f"{WHERE} run: {command} (for CUDA 12: {command.replace('13', '12')})"
