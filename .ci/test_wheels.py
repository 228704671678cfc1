"""CuPy's released wheels on a machine without an NVIDIA driver: what portanet says, word for word.

Run by .ci/wheels, in an environment for each of CUDA 12 and 13.
"""

import ast
import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import cupy
import pytest

import portanet
from portanet import Linear
from portanet.backends._cupy import requirements
from portanet.errors import ArgumentError, MissingBackendError

FOLDER = Path(portanet.__file__).parent / "backends"
NO_DRIVER = (
    f"CuPy {cupy.__version__} is installed, but there is no NVIDIA driver; install the driver of "
    "your card (a container is started with --gpus all), after which nvidia-smi lists the card"
)


@pytest.fixture(autouse=True)
def _no_driver():
    if cupy.cuda.runtime.driverGetVersion() != 0:
        pytest.skip("there is an NVIDIA driver here")


def run(*arguments):
    """Return what Python prints; warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_available_leaves_cupy_out():
    assert run("-c", "import portanet; print('cupy' in portanet.available())") == "False\n"


def test_doctor_names_the_driver():
    lines = run("-m", "portanet", "doctor").splitlines()
    at = lines.index(f"  cupy     no driver: {NO_DRIVER}")
    assert lines[at + 1] == "           -> nvidia-smi"


def test_moving_to_cupy_names_the_driver():
    with pytest.raises(MissingBackendError) as caught:
        Linear(2, 1).to("cupy")
    assert str(caught.value) == f"backend 'cupy': {NO_DRIVER}"
    assert (caught.value.missing, caught.value.command) == ("driver", "nvidia-smi")


def test_moving_to_cuda_says_what_it_is_called_here():
    with pytest.raises(ArgumentError) as caught:
        Linear(2, 1).to("cuda:1")
    assert str(caught.value) == (
        "get: there is no backend called 'cuda:1'; there are numpy, cupy, torch, jax, strict; "
        "for 'cuda:1' use .to('cupy', device=1)"
    )


def test_whoever_trains_on_numpy_does_not_notice():
    code = """
import sys, numpy as np
from portanet import BCEWithLogits, DataLoader, Dataset, Linear, SGD, Sequential, Trainer
model = Sequential([Linear(2, 1)], BCEWithLogits())
trainer = Trainer(model, SGD(model, lr=0.1), DataLoader(Dataset(np.eye(2), [0, 1]), batch_size=1))
trainer.train(9, log_level=0)
print(trainer.compiled.refused, "cupy" in sys.modules, len(trainer.history))
"""
    assert run("-c", code) == "None False 9\n"


def test_a_cupy_that_does_not_import_says_why():
    code = """
import sys, portanet
sys.modules["cupy._core"] = None
assert "cupy" not in portanet.available()
print(portanet.backends.missing()["cupy"])
"""
    package = requirements.installed_cupy()
    words = f"""\
backend 'cupy': the package CuPy is installed but does not import (ModuleNotFoundError: import of \
cupy._core halted; None in sys.modules); install it again: pip install --force-reinstall {package}
"""
    assert run("-c", code) == words


def test_an_old_driver_is_told_from_none(monkeypatch):
    """CuPy's own error 35, and a driver that says a version."""
    monkeypatch.setattr(cupy.cuda.runtime, "driverGetVersion", lambda: 12020)
    with pytest.raises(
        MissingBackendError, match=r"the NVIDIA driver for CUDA 12.2 at most; update"
    ):
        requirements.count_devices(cupy)


@pytest.mark.parametrize("call", [lambda: cupy.RawModule(code="").compile(), lambda: cupy.ones(2)])
def test_what_a_driver_lacks_is_an_error_that_is_translated(call):
    """The probe catches RuntimeError, OSError, ImportError, and those of the compiler."""
    with pytest.raises(RuntimeError):
        call()


def test_errors_of_the_libraries_are_those_that_the_probe_catches():
    from cupy.cuda import compiler, driver, runtime
    from cupy_backends.cuda.libs.nvrtc import NVRTCError

    for error in (driver.CUDADriverError, runtime.CUDARuntimeError, NVRTCError):
        assert issubclass(error, RuntimeError)
    assert issubclass(compiler.CompileException, Exception)


# names of CuPy in our sources

ROOTS = {"cp": "cupy", "_cp": "cupy", "cupy": "cupy", "cupyx": "cupyx"}


def names(source):
    """Return the dotted names of CuPy in a source: cp.cuda.Device, for cupy.cuda.Device."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(dotted(node))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cupy"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("cupy")}
    return {name for name in found if name}


def dotted(node):
    """Return the name of an attribute of `cp`, `self._cp` or `cupyx`, None of anything else."""
    parts = []
    while isinstance(node, ast.Attribute) and node.attr != "_cp":
        parts.append(node.attr)
        node = node.value
    root = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
    return ".".join([ROOTS[root], *reversed(parts)]) if root in ROOTS else None


def missing(name):
    """Return whether a dotted name is not there."""
    thing, so_far = __import__(name.partition(".")[0]), name.partition(".")[0]
    for part in name.split(".")[1:]:
        so_far += f".{part}"
        if not hasattr(thing, part) and not is_module(so_far):
            return True
        thing = getattr(thing, part)
    return False


def is_module(name):
    """Return whether a name is a module, such as cupy.cuda.nccl, imported when it is used."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NCCL itself is another package
            importlib.import_module(name)
    except ImportError:
        return False
    return True


def test_every_name_of_cupy_that_is_used_exists():
    used = {name for path in FOLDER.rglob("*.py") for name in names(path.read_text())}
    assert used >= {"cupy.RawModule", "cupy.cuda.runtime.getDeviceCount", "cupyx.zeros_pinned"}
    assert {name for name in used if missing(name)} == set()


def test_a_name_that_does_not_exist_is_found():
    source = """
def f(self, cp):
    import cupyx
    return cp.cuda.runtime.errorInsufficientDriver, self._cp.nothing(cp.ones), cupyx.nothing(1)
"""
    used = names(source)
    assert used >= {"cupy.cuda.runtime.errorInsufficientDriver", "cupy.nothing", "cupy.ones"}
    assert {name for name in used if missing(name)} == {
        "cupy.cuda.runtime.errorInsufficientDriver", "cupy.nothing", "cupyx.nothing",
    }  # fmt: skip
