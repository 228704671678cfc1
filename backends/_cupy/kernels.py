"""Kernels for CuPy: one launch in place of one for every operation of the plain definition.

Each entry stands in for the `@accelerable` function of the same name and is tested against it.
CuPy compiles a kernel at its first launch, so building these objects needs no device.

What each gains is counted in launches, the currency of small networks on a GPU (some 5 µs each):
sigmoid 1 in place of 9, sigmoid_backward 1 in place of 4, averaged 1 in place of 7.
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

# rounded as in the plain definition: a product and a difference as one operation round once
_averaged = cp.ElementwiseKernel(
    "T value, T mean, T rest, T weight",
    "T next, T added",
    "T change = weight * (value - mean) - rest; next = mean + change; "
    "added = (next - mean) - change",
    "portanet_averaged",
    options=("--fmad=false",),
)


def averaged(sums: cp.ndarray, weight: float, *values: cp.ndarray) -> cp.ndarray:
    """Update moving averages in one launch, after one that puts several values end to end."""
    vectors = [array.ravel() for array in values]
    value = vectors[0] if len(vectors) == 1 else cp.concatenate(vectors)
    result = cp.empty_like(sums)
    _averaged(value, sums[0], sums[1], sums.dtype.type(weight), result[0], result[1])
    return result


KERNELS = {
    "averaged": averaged,
    "sigmoid": _sigmoid,
    "sigmoid_backward": lambda grad, y: _sigmoid_backward(
        grad, y, y.dtype.type(cp.finfo(y.dtype).tiny)
    ),
}
