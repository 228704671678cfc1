"""Half precision in CUDA kernels: float16 in memory, computed with in float.

Every value with a name in a kernel is rounded to float16, so that a fused kernel gives what the
operations give one by one. Sums are added up in float.
"""

from typing import Any

import numpy as np

from portanet.compiler.engines.cuda.text import PRELUDE

# CuPy gives NVRTC no folder of CUDA's headers here: without one the two instructions stand written.
_HALF = """
#if __has_include(<cuda_fp16.h>)
#include <cuda_fp16.h>
typedef __half Bits;
__device__ inline float widened(Bits x) { return __half2float(x); }
__device__ inline Bits rounded(float x) { return __float2half_rn(x); }
#else
typedef unsigned short Bits;
__device__ inline float widened(Bits x) {
    float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x)); return y;
}
__device__ inline Bits rounded(float x) {
    Bits y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x)); return y;
}
#endif
struct Half {
    Bits bits;
    Half() = default;
    __device__ Half(float x) : bits(rounded(x)) {}
    __device__ operator float() const { return widened(bits); }
};
"""


def whole_source(kernels: str) -> str:
    """Return the text of kernels with all that they need before them."""
    return (_HALF if "Half" in kernels else "") + PRELUDE + kernels


def accumulator(dtype: Any) -> Any:
    """Return the dtype in which a reduction adds up: float32 for float16."""
    return np.dtype("float32") if str(dtype) == "float16" else dtype
