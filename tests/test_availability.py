"""What is not available is named with the command that mends it, and available() never raises."""

import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import array_api_compat.numpy
import numpy as np
import pytest

import portanet
from portanet import backends, doctor
from portanet.backends import StandardBackend, _registry
from portanet.backends._cupy import requirements
from portanet.errors import ArgumentError, MissingBackendError, PlacementError


class FakeCUDAError(RuntimeError):
    def __init__(self, status):
        super().__init__(f"cudaError: status {status}")
        self.status = status


class FakeCompileError(Exception):
    pass


class NotFoundError(RuntimeError):
    """As NVIDIA's path finder raises."""


class Device:
    id, __hash__ = 0, None  # CuPy's are not hashable


def fake_cupy(
    monkeypatch, version="14.2.0", n_devices=1, status=None, cuda=13000, driver=13000,
    no_compiler=None, no_cublas=None,
):  # fmt: skip
    """Put a CuPy into sys.modules that finds this many devices, or fails to look for them."""

    def count():
        if status is not None:
            raise FakeCUDAError(status)
        return n_devices

    def fails_with(error):
        def call(*args):
            if error is not None:
                raise error
            return SimpleNamespace(abs_path="libcublas.so")

        return call

    runtime = SimpleNamespace(
        getDeviceCount=count, CUDARuntimeError=FakeCUDAError, getDevice=lambda: 0,
        runtimeGetVersion=lambda: cuda, driverGetVersion=lambda: driver,
    )  # fmt: skip
    cupy = ModuleType("cupy")
    cupy.__version__ = version
    compiler = SimpleNamespace(CompileException=FakeCompileError)
    cupy.cuda = SimpleNamespace(runtime=runtime, compiler=compiler, Device=Device)
    cupy.RawModule = lambda code: SimpleNamespace(compile=fails_with(no_compiler))
    pathfinder = ModuleType("cuda.pathfinder")
    pathfinder.load_nvidia_dynamic_lib = fails_with(no_cublas)
    package = ModuleType("cuda")
    package.pathfinder = pathfinder
    for module in (cupy, package, pathfinder):
        monkeypatch.setitem(sys.modules, module.__name__, module)


CASES = {
    "an old package": (
        {"version": "13.6.0"}, "package", "pip install --upgrade -e '.[cuda13]'",
        "CuPy 13.6.0 is too old, 14 or newer is needed; in a clone of portanet run: "
        "pip install --upgrade -e '.[cuda13]' (for CUDA 12: pip install --upgrade -e '.[cuda12]')",
    ),
    "no driver": (
        {"status": 35, "driver": 0}, "driver", "nvidia-smi",
        "CuPy 14.2.0 is installed, but there is no NVIDIA driver; install the driver of your card "
        "(a container is started with --gpus all), after which nvidia-smi lists the card",
    ),
    "a driver for CUDA 12, CuPy for 13": (
        {"status": 35, "driver": 12040}, "driver",
        "pip uninstall -y cupy-cuda13x && pip install -e '.[cuda12]'",
        "CuPy 14.2.0 is made for CUDA 13.0, the NVIDIA driver for CUDA 12.4 at most; update the "
        "driver, or take CuPy for CUDA 12, in a clone of portanet: pip uninstall -y cupy-cuda13x "
        "&& pip install -e '.[cuda12]'",
    ),
    "a driver for CUDA 11": (
        {"status": 35, "cuda": 12090, "driver": 11040}, "driver", "nvidia-smi",
        "CuPy 14.2.0 is made for CUDA 12.9, the NVIDIA driver for CUDA 11.4 at most; update the "
        "driver (nvidia-smi shows its version)",
    ),
    "a driver that fails": (
        {"status": 803}, "driver", "nvidia-smi",
        "CuPy 14.2.0 is installed, but the NVIDIA driver fails (FakeCUDAError: cudaError: status "
        "803); check that nvidia-smi works: after an update the machine must be restarted",
    ),
    "no device": (
        {"status": 100}, "device", "nvidia-smi",
        "CuPy 14.2.0 is installed, but finds no CUDA device; check that nvidia-smi lists one and "
        "that CUDA_VISIBLE_DEVICES does not hide it",
    ),
    "zero devices": (
        {"n_devices": 0}, "device", "nvidia-smi",
        "CuPy 14.2.0 is installed, but finds no CUDA device; check that nvidia-smi lists one and "
        "that CUDA_VISIBLE_DEVICES does not hide it",
    ),
    "no compiler": (
        {"no_compiler": RuntimeError("Failure finding \"libnvrtc.so.13\"\nmore")}, "toolkit",
        "pip install -e '.[cuda13]'",
        "CuPy 14.2.0 is installed, but cannot compile a kernel (RuntimeError: Failure finding "
        "\"libnvrtc.so.13\"); CUDA's toolkit comes with, in a clone of portanet: "
        "pip install -e '.[cuda13]'",
    ),
    "no headers": (
        {"no_compiler": FakeCompileError('cannot open source file "cuda_fp16.h"'), "cuda": 12090},
        "toolkit", "pip install -e '.[cuda12]'",
        "CuPy 14.2.0 is installed, but cannot compile a kernel (FakeCompileError: cannot open "
        "source file \"cuda_fp16.h\"); CUDA's toolkit comes with, in a clone of portanet: "
        "pip install -e '.[cuda12]'",
    ),
    "no cuBLAS": (
        {"no_cublas": NotFoundError("Failure finding libcublas")}, "toolkit",
        "pip install -e '.[cuda13]'",
        "CuPy 14.2.0 is installed, but does not find cuBLAS (NotFoundError: Failure finding "
        "libcublas); CUDA's toolkit comes with, in a clone of portanet: pip install -e '.[cuda13]'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_cupy_says_what_is_missing_and_what_mends_it(monkeypatch, name):
    fake, missing, command, words = CASES[name]
    fake_cupy(monkeypatch, **fake)
    with pytest.raises(MissingBackendError) as caught:
        backends.get("cupy")
    assert str(caught.value) == f"backend 'cupy': {words}"
    assert (caught.value.missing, caught.value.command) == (missing, command)
    assert "cupy" not in portanet.available()
    assert f"  cupy     no {missing}: {words}" in doctor.report()


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("cupy", "cupy", "pip install -e '.[cuda13]'"),
        ("torch", "torch", "pip install -e '.[torch]'"),
        ("jax", "jax", "pip install -e '.[jax]'"),
        ("strict", "array_api_strict", "pip install -e '.[strict]'"),
    ],
)
def test_a_missing_package_is_named_with_its_command(monkeypatch, name, package, command):
    monkeypatch.setitem(sys.modules, package, None)  # as if it was not installed
    with pytest.raises(
        MissingBackendError, match=r"is not installed; in a clone of portanet run: pip install"
    ) as caught:
        backends.get(name)
    assert (caught.value.backend, caught.value.missing) == (name, "package")
    assert caught.value.command == command
    assert command in doctor.report()
    assert name not in portanet.available()


class Broken:
    """Finds a package that raises when it is imported."""

    def __init__(self, package, error):
        self.package, self.error = package, error

    def find_spec(self, name, path=None, target=None):
        if name == self.package:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libcuda.so.1: cannot open shared object file"),
        AttributeError("module 'cupy_backends' has no attribute 'cuda'"),
        ModuleNotFoundError("No module named 'cuda'", name="cuda"),
        OSError("libstdc++.so.6: file too short"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    ("name", "package"), [("cupy", "cupy"), ("torch", "torch"), ("jax", "jax")]
)
def test_a_package_that_does_not_import_is_not_available(monkeypatch, name, package, error):
    monkeypatch.setattr(requirements, "installed_cupy", lambda: "cupy-cuda12x")
    monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(package, error), *sys.meta_path])
    with pytest.raises(MissingBackendError) as caught:
        backends.get(name)
    assert (caught.value.backend, caught.value.missing) == (name, "package")
    assert caught.value.__cause__ is error
    assert name not in portanet.available()
    if name == "cupy":
        assert (
            f"is installed but does not import ({type(error).__name__}: {error}); install it"
            in str(caught.value)
        )
        assert caught.value.command == "pip install --force-reinstall cupy-cuda12x"


def test_what_an_uninstalled_cupy_left_behind_is_not_available(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", ModuleType("cupy"))  # a folder without __init__.py
    with pytest.raises(MissingBackendError, match=r"AttributeError: .*'cupy'.*__version__"):
        backends.get("cupy")


def test_the_reason_is_taken_from_cupys_page_of_advice(monkeypatch):
    error = ImportError("=====\nFailed to import CuPy.\n\nIf you installed CuPy via wheels …")
    error.__cause__ = ImportError("libcudart.so.13: no such file")
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken("cupy", error), *sys.meta_path])
    with pytest.raises(
        MissingBackendError, match=r"\(ImportError: libcudart.so.13: no such file\)"
    ):
        backends.get("cupy")


def test_another_cuda_device_than_the_current_is_refused(monkeypatch):
    fake_cupy(monkeypatch, n_devices=2)
    with pytest.raises(PlacementError, match=r"first run: cupy.cuda.Device\(1\).use\(\)$"):
        backends.get("cupy", "cuda:1")
    with pytest.raises(ArgumentError, match="device 7 was wanted, but CuPy finds 2 here"):
        backends.get("cupy", 7)
    with pytest.raises(ArgumentError, match="device must be a number"):
        backends.get("cupy", "gpu")


class Entry:
    """What importlib.metadata gives for an installed package's entry point."""

    name = "broken"

    def __init__(self, load):
        self.load = load


def raises(error):
    def call(*args):
        raise error

    return call


@pytest.mark.parametrize(
    "load", [raises(ImportError("no module")), lambda: raises(KeyError("x"))], ids=["load", "make"]
)
def test_a_third_partys_backend_that_fails_is_not_available(monkeypatch, load):
    monkeypatch.setattr(_registry, "_entries", lambda: [Entry(load)])
    assert "broken" not in portanet.available()
    with pytest.raises(
        MissingBackendError,
        match=r"^backend 'broken': its package is installed but fails \(\w+Error: .*\); install it",
    ):
        backends.get("broken")


@pytest.mark.parametrize(
    ("to_numpy", "words"),
    [
        (lambda x: np.float32(5), "computes 1 + 2 + 1 + 2 = 5.0: it cannot be used"),
        (raises(MemoryError("out of memory")), "cannot add numbers (MemoryError: out of memory)"),
    ],
    ids=["wrong", "fails"],
)
def test_a_backend_that_cannot_add_is_not_available(monkeypatch, to_numpy, words):
    broken = StandardBackend("broken", array_api_compat.numpy, "cpu")
    broken.to_numpy = to_numpy
    monkeypatch.setattr(_registry, "_entries", lambda: [Entry(lambda: lambda device=None: broken)])
    with pytest.raises(MissingBackendError) as caught:
        backends.get("broken")
    assert words in str(caught.value)
    assert caught.value.missing == "device"
    assert "broken" not in portanet.available()


def test_the_install_commands_are_the_extras_of_pyproject():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    assert requirements.INSTALL == "pip install -e '.[cuda13]'"
    assert requirements.INSTALL_12 == "pip install -e '.[cuda12]'"
    assert {"cuda12", "cuda13", "torch", "jax", "strict", "demo", "nvrtc"} <= set(extras)
