"""CuPy kernels for sums over segments (the gradient of an embedding).

The plain definition multiplies by a one-hot matrix of n x M numbers. Here the M indices are sorted
(stably: equal ones keep their order), and one thread for each number of the result adds its
segment's rows in that order: no atomic additions, so repeats are bit-identical.
"""

import cupy as cp

_add_segments = cp.ElementwiseKernel(
    "raw T values, raw int64 order, raw int64 starts, int64 n_features",
    "T total",
    """
    long long segment = i / n_features, feature = i % n_features;
    T sum = 0;
    for (long long k = starts[segment]; k < starts[segment + 1]; ++k)
        sum += values[order[k] * n_features + feature];
    total = sum;
    """,
    "portanet_segment_sum",
)


def _segment_sum(values: cp.ndarray, indices: cp.ndarray, n: int) -> cp.ndarray:
    """Sort the indices, find where each segment starts, add."""
    order = cp.argsort(indices, kind="stable")
    starts = cp.searchsorted(indices[order], cp.arange(n + 1, dtype=indices.dtype))
    total = cp.empty((n, values.shape[1]), values.dtype)
    rows = cp.ascontiguousarray(values)  # raw arguments are read as they lie
    return _add_segments(rows, order, starts, values.shape[1], total)


KERNELS = {"segment_sum": _segment_sum}
