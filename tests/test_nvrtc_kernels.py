"""Every fused CUDA kernel of the catalogue, compiled by NVIDIA's compiler to machine code.

A kernel that needs more registers than its block can have is not launched; one that spills them to
memory is slow. Neither shows on a simulated device.
"""

import time
from statistics import median
from types import SimpleNamespace

import cuda_catalogue
import pytest
from cuda_catalogue import ARCHITECTURES, distinct, kernels, needs
from test_nvrtc import MANY

from portanet.backends._nvrtc import Usage


def misfits(found):
    """Return in words which kernels cannot be launched, or spill registers."""
    bad = [
        f"{kernel.name} of {kernel.threads} threads: {need}"
        for kernel, need in found
        if need.spilled or need.most_threads < kernel.threads
    ]
    return "\n".join(bad)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_kernels_compile_and_fit(architecture, nvrtc, record_property):
    kernels()
    start = time.process_time()
    part = ARCHITECTURES[architecture]
    found = needs(nvrtc, architecture, part)
    seconds = time.process_time() - start
    assert len(distinct(kernels())) > 1000
    assert len(found) == len(list(distinct(kernels()))[part])
    assert misfits(found) == ""
    registers = [need.registers for _, need in found]
    record_property(
        "figure",
        f"NVRTC {'.'.join(map(str, nvrtc.version()))}, {architecture}: {len(found)} kernels of "
        f"{len(distinct(kernels()))} that differ, in all {len(kernels())}; registers {median(registers):.0f} (median) to "
        f"{max(registers)}, none spilled; {seconds:.0f} CPU seconds",
    )


def test_kernels_that_do_not_fit_are_found(nvrtc):
    text = MANY.replace("BOUND", "__launch_bounds__(1024)")
    kernel = SimpleNamespace(name="many", threads=1024)
    need = nvrtc.compile_text(text, "sm_90").kernels["many"]
    assert misfits([(kernel, need)]).startswith("many of 1024 threads: Usage(registers=")
    assert misfits([(kernel, Usage(65, 0, 0, 0))]) != ""
    assert misfits([(kernel, Usage(64, 0, 0, 0))]) == ""


def test_steps_are_traced_with_the_operations_that_cupy_has_kernels_for():
    names = set(cuda_catalogue.names_of_kernels())
    assert {"sigmoid", "erf", "conv2d", "max_pool2d", "segment_sum"} <= names
    assert names <= set(cuda_catalogue.ACCELERABLE)


def test_names_alone_make_no_difference():
    one, two = (SimpleNamespace(source=f"void kernel_{i}(float* x_{i}) {{}}") for i in (1, 23))
    same = SimpleNamespace(source="void kernel_7_rest(float* x_1) {}")
    assert list(distinct([one, two, same])) == [
        "void kernel(float* x_1) {}", "void kernel(float* x_23) {}",
    ]  # fmt: skip
