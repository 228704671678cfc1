"""NVIDIA's compiler without a GPU: what it says about kernels whose needs are known."""

import sys

import pytest

from portanet.backends import _nvrtc
from portanet.backends._cupy.compiling import OPTIONS
from portanet.backends._nvrtc import Usage, usage
from portanet.errors import BackendError, MissingBackendError

SHARED = """
extern "C" __global__ void reverse(float* x) {
    __shared__ float memory[256];
    memory[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = memory[255 - threadIdx.x];
}
"""
# 100 numbers are read before one is written: they need 100 registers and more
MANY = """
extern "C" __global__ void BOUND many(volatile float* x) {
    float kept[100];
    #pragma unroll
    for (int i = 0; i < 100; ++i) kept[i] = x[i];
    #pragma unroll
    for (int i = 0; i < 100; ++i) x[i] = kept[99 - i];
}
"""


def test_a_kernel_needs_what_its_text_says(nvrtc):
    compiled = nvrtc.compile_text(SHARED, "sm_90")
    assert compiled.code[:4] == b"\x7fELF"
    need = compiled.kernels["reverse"]
    assert (need.shared, need.spilled, need.stack) == (256 * 4, 0, 0)
    assert 4 <= need.registers <= 32


def test_registers_that_a_block_cannot_have_are_spilled(nvrtc):
    """With 1024 threads 65,536 registers are 64 for each: 36 numbers and more do not fit."""
    free = nvrtc.compile_text(MANY.replace("BOUND", ""), "sm_90").kernels["many"]
    bound = "__launch_bounds__(1024)"
    bounded = nvrtc.compile_text(MANY.replace("BOUND", bound), "sm_90").kernels["many"]
    assert free.registers > 100
    assert free.spilled == 0
    assert free.most_threads < 1024
    assert bounded.registers <= 64
    assert bounded.spilled >= 2 * 4 * (100 - 64)
    assert bounded.most_threads == 1024


def test_ptx_is_text_for_an_architecture(nvrtc):
    compiled = nvrtc.compile_text(SHARED, "compute_80")
    assert b".target sm_80" in compiled.code
    assert b".entry reverse" in compiled.code
    assert compiled.kernels == {}


def test_options_are_passed(nvrtc):
    text = 'extern "C" __global__ void k(float* x) { *x = SIZE; }'
    assert "k" in nvrtc.compile_text(text, "sm_90", [*OPTIONS, "-DSIZE=3"]).kernels
    with pytest.raises(BackendError, match='identifier "SIZE" is undefined'):
        nvrtc.compile_text(text, "sm_90")


def test_products_and_sums_stay_apart(nvrtc):
    """With --fmad=false: a fused multiply-add rounds once, the readable step twice."""
    text = 'extern "C" __global__ void k(float* x) { x[0] = x[1] * x[2] + x[3]; }'
    assert b"fma." not in nvrtc.compile_text(text, "compute_80").code
    assert b"fma." in nvrtc.compile_text(text, "compute_80", ["--std=c++17"]).code


def test_what_does_not_compile_is_an_error_with_messages_options_and_text(nvrtc):
    with pytest.raises(BackendError, match=r"NVRTC \d+\.\d+: NVRTC_ERROR_COMPILATION") as caught:
        nvrtc.compile_text("this is not C++", "sm_90")
    for words in ("portanet.cu(1): error:", "-arch=sm_90", "in the source\nthis is not C++"):
        assert words in str(caught.value)


def test_an_architecture_that_there_is_not_is_an_error(nvrtc):
    with pytest.raises(BackendError, match="invalid value for --gpu-architecture"):
        nvrtc.compile_text(SHARED, "sm_1")


def test_a_report_that_cannot_be_read_is_an_error():
    with pytest.raises(BackendError, match=r"its report has no .*bytes stack frame"):
        usage("Compiling entry function 'k' for 'sm_90'\nUsed 8 registers")


@pytest.mark.parametrize(
    ("registers", "threads"),
    [(1, 1024), (64, 1024), (65, 896), (72, 896), (80, 768), (128, 512), (168, 384), (255, 256)],
)
def test_the_largest_block_is_that_of_nvidias_table(registers, threads):
    """The column of 64K registers of the occupancy calculator."""
    assert Usage(registers, 0, 0, 0).most_threads == threads


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(_nvrtc, "installed_cupy", lambda: None)
    _nvrtc._library.cache_clear()
    yield monkeypatch
    _nvrtc._library.cache_clear()


def test_a_missing_path_finder_says_how_to_get_nvrtc(no_library):
    no_library.setitem(sys.modules, "cuda", None)
    with pytest.raises(MissingBackendError, match=r"cuda-pathfinder is not installed.*pip install"):
        _nvrtc.version()


def test_a_missing_nvrtc_says_how_to_get_it(no_library):
    class NotFoundError(Exception):
        pass

    def load(name):
        raise NotFoundError(name)

    pathfinder = type(sys)("cuda.pathfinder")
    pathfinder.load_nvidia_dynamic_lib, pathfinder.DynamicLibNotFoundError = load, NotFoundError
    cuda = type(sys)("cuda")
    cuda.pathfinder = pathfinder
    no_library.setitem(sys.modules, "cuda", cuda)
    no_library.setitem(sys.modules, "cuda.pathfinder", pathfinder)
    with pytest.raises(MissingBackendError, match=r"the library was not found") as caught:
        _nvrtc.version()
    assert caught.value.command == "pip install -e '.[nvrtc]'"
    assert (caught.value.backend, caught.value.missing) == ("nvrtc", "package")


def test_beside_cupy_for_cuda_12_its_own_nvrtc_is_advised(no_library):
    """CuPy would load the newer one."""
    no_library.setattr(_nvrtc, "installed_cupy", lambda: "cupy-cuda12x")
    no_library.setitem(sys.modules, "cuda", None)
    with pytest.raises(MissingBackendError, match=r"run: pip install -e '.\[cuda12\]'$"):
        _nvrtc.version()
