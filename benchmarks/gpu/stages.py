"""The stages of `make gpu`, in their order."""

import json
import shutil
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.device import SIMULATED
from benchmarks.gpu.running import Stage
from benchmarks.networks import NETWORKS

MINUTE = 60.0
# the tests of what is generated, compiled, captured and replayed on the device
CORE = ("tests/test_cupy_engine.py", "tests/test_kernels.py", "tests/test_emit_cuda_long.py")
QUICK_TIMES, QUICK_PROFILES = ("blog", "mnist", "cnn", "embedding"), ("blog", "cnn")
LEFT_OUT = "left out by --quick"
SANITIZER = "compute-sanitizer"
# all kinds of kernels, in small networks: a sanitizer is slow
SANITIZED = ("blog", "cnn", "embedding", "transformer")
FOUND = "9"  # the exit status for "an error was found"


def first_stages() -> list[Stage]:
    """Return the stages that say what there is; the last one answers with the device."""
    return [
        Stage("doctor", python("portanet", "doctor"), 5 * MINUTE, shows=True),
        Stage("device", python("benchmarks.gpu.device"), 5 * MINUTE, answers=True),
    ]


def stages(device: dict[str, Any] | None, quick: bool) -> Iterator[Stage]:
    """Yield the others; without a device they say why they are not run."""
    why = "" if device else "the stage 'device' found none"
    yield tests(quick, why)
    yield Stage("wheel", python("benchmarks.gpu.wheel"), 15 * MINUTE, why_not=why)
    some = python("benchmarks.gpu.one_step", *(SANITIZED if quick else NETWORKS))
    yield Stage("a few steps", some, 20 * MINUTE, shows=True, why_not=why)
    for name in NETWORKS:
        left_out = LEFT_OUT if quick and name not in QUICK_TIMES else ""
        command = python("benchmarks.gpu.steps", json.dumps({"name": name, "quick": quick}))
        yield Stage(f"step: {name}", command, 20 * MINUTE, answers=True, why_not=why or left_out)
    for name in NETWORKS:
        left_out = LEFT_OUT if quick and name not in QUICK_PROFILES else ""
        command = python("benchmarks.gpu.profiles", name)
        yield Stage(f"profile: {name}", command, 20 * MINUTE, shows=True, why_not=why or left_out)
    for tool in ("memcheck", "racecheck"):
        yield sanitizer(tool, device, why)


def tests(quick: bool, why: str) -> Stage:
    """Return the stage of the tests on CuPy: all of them, or those of the plans and kernels."""
    options = ("--require-backend", "cupy", "--backends", "numpy,cupy", "-k", "cupy", "-q")
    files = CORE if quick else ("tests",)
    command = python("pytest", *files, *options, "-p", "no:cacheprovider")
    name = "tests on CuPy, some of them" if quick else "tests on CuPy"
    return Stage(name, command, 120 * MINUTE, shows=True, why_not=why)


def sanitizer(tool: str, device: dict[str, Any] | None, why: str) -> Stage:
    """Return the stage of one of compute-sanitizer's tools, over a few steps of some networks."""
    program = shutil.which(SANITIZER)
    if device and device["simulated"]:
        why = SIMULATED
    elif program is None:
        why = why or f"{SANITIZER} is not on the PATH; it comes with NVIDIA's CUDA toolkit"
    options = ("--tool", tool, "--error-exitcode", FOUND)
    command = [program or SANITIZER, *options, *python("benchmarks.gpu.one_step", *SANITIZED)]
    return Stage(f"compute-sanitizer {tool}", command, 60 * MINUTE, why_not=why)


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]
