"""Kernels for CuPy: one launch in place of one for every operation of the plain definition.

Each entry stands in for the `@accelerable` function of the same name and is tested against it.
CuPy compiles a kernel at its first launch, so building these objects needs no device.

What each gains is counted in launches, the currency of small networks on a GPU (some 5 µs each):
sigmoid 1 in place of 9, sigmoid_backward 1 in place of 4.
"""

import cupy as cp

_sigmoid = cp.ElementwiseKernel(
    "T x",
    "T y",
    "T z = exp(-abs(x)); y = (x >= T(0) ? T(1) : z) / (T(1) + z)",
    "portanet_sigmoid",
)

# CUDA's max(NaN, tiny) is tiny
_sigmoid_backward = cp.ElementwiseKernel(
    "T grad, T y, T tiny",
    "T out",
    "T slope = y * (T(1) - y); out = grad * (slope < tiny ? tiny : slope)",
    "portanet_sigmoid_backward",
)

KERNELS = {
    "sigmoid": _sigmoid,
    "sigmoid_backward": lambda grad, y: _sigmoid_backward(
        grad, y, y.dtype.type(cp.finfo(y.dtype).tiny)
    ),
}
