"""CUDA's toolkit as CuPy's wheels find it, without a device: cuBLAS, NVRTC, and our kernels' texts.

Run by .ci/wheels where NVRTC, CUDA's headers and cuBLAS are installed.
"""

import json
import os
from pathlib import Path

import cupy
import pytest
from cupy._core.core import assemble_cupy_compiler_options

from portanet.backends import _nvrtc
from portanet.backends._cupy.blas_library import library

TEXTS = sorted(Path(os.environ["CUDA_TEXTS"]).glob("*.json"))
HEADERS = [o for o in assemble_cupy_compiler_options(()) if o.startswith("-I")]
# CuPy launches element-wise kernels in blocks of 128, portanet its own in blocks of 512 at most
LARGEST_BLOCK = 512


def test_cublas_has_the_functions_that_are_called():
    cublas = library()
    for letter in "SD":
        for form in ("gemm_v2", "gemmStridedBatched", "gemmBatched"):
            assert getattr(cublas, f"cublas{letter}{form}").argtypes is not None
    for name in ("Create_v2", "Destroy_v2", "SetMathMode", "SetStream_v2", "SetWorkspace_v2"):
        assert getattr(cublas, f"cublas{name}").argtypes is not None


def test_nvrtc_is_of_cupys_cuda():
    assert _nvrtc.version()[0] == cupy.cuda.runtime.runtimeGetVersion() // 1000


def test_the_probe_finds_the_headers():
    from portanet.backends._cupy.requirements import _PROBE

    assert "portanet_probe" in _nvrtc.compile_text(_PROBE, "sm_90", HEADERS).kernels


@pytest.mark.parametrize("architecture", ["sm_75", "sm_80", "sm_90", "sm_120"])
def test_hand_written_kernels_compile_and_fit(architecture):
    """As CuPy gives them to NVRTC, noted by record_cuda.py on the simulated device."""
    if not TEXTS:
        pytest.skip("no texts: there was no device, simulated or not, to note them on")
    needs = {}
    for path in TEXTS:
        text = json.loads(path.read_text())
        compiled = _nvrtc.compile_text(text["source"], architecture, [*text["options"], *HEADERS])
        needs |= {f"{path.stem}:{name}": need for name, need in compiled.kernels.items()}
    ours = {name.partition(":")[2] for name in needs}
    assert len(ours) >= 10
    assert {"gather_batch", "portanet_sigmoid"} <= ours
    bad = {n: u for n, u in needs.items() if u.spilled or u.most_threads < LARGEST_BLOCK}
    assert bad == {}
    registers = max(need.registers for need in needs.values())
    print(
        f"\nNVRTC {_nvrtc.version()}, {architecture}: {len(needs)} kernels, {registers} registers"
    )
