"""CuPy kernels for sums over segments (the gradient of an embedding).

The plain definition multiplies by a one-hot matrix of n x M numbers. Here the M indices are sorted
(stably: equal ones keep their order), and the sorted rows are cut into pieces of equal length. A
segment may be long, as that of a frequent word is, and stretch over many pieces:

    sorted indices    2 2 2 5 | 5 5 5 5 | 5 5 6 7
    1  add_runs       runs of equal indices are added up, piece by piece. A run inside a piece is a
                      whole segment (6); the first and the last run of each piece are edges:
    edges             2 5       5 -       5 7         (-: a piece of one run; its second edge is 0)
    2  add_edges      edges of equal indices are added up, by a block for each segment

In either stage no thread adds more than sqrt(M) numbers, or 8, even if all indices are equal. All
is added in a fixed order, without atomic operations, so repeats are bit-identical.
"""

from math import isqrt
from typing import Any

import cupy as cp

from portanet.backends._cupy.compiling import compile_cuda
from portanet.errors import DtypeError

_C_TYPES = {"float32": "float", "float64": "double"}
_THREADS, _EDGE_THREADS = 128, 512
_SHORTEST = 8  # rows of a piece: two batches of loads

# Rows are loaded 4 at a time before the first is used; past the end the last one is read again.
# Indices outside [0, n) are left out, as by the plain definition.
_SOURCE = """
typedef long long Index;

extern "C" __global__ void portanet_add_runs(
    const T* values, const Index* indices, const Index* order, Index n_rows, Index n_features,
    Index length, Index n, T* total, T* edges, Index* edge_indices
) {
    const Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    const Index piece = i / n_features, feature = i % n_features, begin = piece * length;
    if (begin >= n_rows) return;
    const Index end = begin + length < n_rows ? begin + length : n_rows;
    const Index first = indices[order[begin]];
    Index index = first;
    T sum = 0, first_sum = 0;
    bool in_first = true;
    for (Index base = begin; base < end; base += 4) {
        Index nexts[4];
        T numbers[4];
        #pragma unroll
        for (int u = 0; u < 4; ++u) {
            const Index row = order[base + u < end ? base + u : end - 1];
            nexts[u] = indices[row];
            numbers[u] = values[row * n_features + feature];
        }
        #pragma unroll
        for (int u = 0; u < 4; ++u) {
            if (base + u >= end) break;
            if (nexts[u] != index) {
                if (in_first) first_sum = sum;
                else if (index >= 0 && index < n) total[index * n_features + feature] = sum;
                in_first = false;
                index = nexts[u];
                sum = 0;
            }
            sum += numbers[u];
        }
    }
    edges[2 * piece * n_features + feature] = in_first ? sum : first_sum;
    edges[(2 * piece + 1) * n_features + feature] = in_first ? T(0) : sum;
    if (feature == 0) {
        edge_indices[2 * piece] = first;
        edge_indices[2 * piece + 1] = index;
    }
}

extern "C" __global__ void portanet_add_edges(
    const T* edges, const Index* edge_indices, Index n_edges, Index n_features, Index n, T* total
) {
    __shared__ T sums[LANES][FEATURES];
    const Index own = blockIdx.x, index = edge_indices[own];
    // the segment's first edge adds all of them
    if (index < 0 || index >= n || (own > 0 && edge_indices[own - 1] == index)) return;
    const int lane = threadIdx.x / FEATURES, column = threadIdx.x % FEATURES;
    const Index feature = (Index)blockIdx.y * FEATURES + column;
    const Index at = feature < n_features ? feature : n_features - 1;
    T sum = 0;
    for (Index base = own + lane; base < n_edges; base += 4 * LANES) {
        Index nexts[4];
        T numbers[4];
        #pragma unroll
        for (int u = 0; u < 4; ++u) {
            const Index next = base + u * LANES, edge = next < n_edges ? next : n_edges - 1;
            nexts[u] = edge_indices[edge];
            numbers[u] = edges[edge * n_features + at];
        }
        #pragma unroll
        for (int u = 0; u < 4; ++u)
            if (base + u * LANES < n_edges && nexts[u] == index) sum += numbers[u];
        if (nexts[3] != index) break;
    }
    sums[lane][column] = sum;
    __syncthreads();
    for (int step = LANES / 2; step > 0; step /= 2) {
        if (lane < step) sums[lane][column] += sums[lane + step][column];
        __syncthreads();
    }
    if (lane == 0 && feature < n_features) total[index * n_features + feature] = sums[0][column];
}
"""


def _segment_sum(values: cp.ndarray, indices: cp.ndarray, n: int) -> cp.ndarray:
    """Return the sums; kernels read arrays as they lie. Half precision is added up in float32."""
    if values.dtype == cp.float16:
        return _segment_sum(values.astype(cp.float32), indices, n).astype(cp.float16)
    total = cp.zeros((n, values.shape[1]), values.dtype)
    if values.size:
        rows, numbers = cp.ascontiguousarray(values), cp.ascontiguousarray(indices, dtype=cp.int64)
        _add_up(rows, numbers, total)
    return total


def _add_up(rows: cp.ndarray, indices: cp.ndarray, total: cp.ndarray) -> None:
    """Sort the indices; add up runs in pieces, then the pieces' edges."""
    (n_rows, n_features), n = rows.shape, len(total)
    tile = min(32, 1 << (n_features - 1).bit_length())  # features of a block of add_edges
    kernels, length = _kernels(rows, tile), piece_length(n_rows, _EDGE_THREADS // tile)
    n_pieces = -(-n_rows // length)
    edges = cp.empty((2 * n_pieces, n_features), rows.dtype)
    edge_indices = cp.empty(2 * n_pieces, cp.int64)
    order = cp.argsort(indices, kind="stable")
    kernels["portanet_add_runs"](
        (-(-n_pieces * n_features // _THREADS),), (_THREADS,),
        (rows, indices, order, n_rows, n_features, length, n, total, edges, edge_indices),
    )  # fmt: skip
    kernels["portanet_add_edges"](
        (2 * n_pieces, -(-n_features // tile)), (_EDGE_THREADS,),
        (edges, edge_indices, 2 * n_pieces, n_features, n, total),
    )  # fmt: skip


def piece_length(n_rows: int, n_lanes: int) -> int:
    """Return the rows of a piece: neither kernel then makes more than some sqrt(n_rows) additions.

    A piece of L rows takes L additions, and the 2 n_rows / L edges of one segment, shared by the
    lanes, 2 n_rows / (L n_lanes) each: L is the largest power of two up to sqrt(n_rows / n_lanes).

    >>> [piece_length(n, 16) for n in (1, 1280, 32_768, 2**20)]
    [8, 8, 32, 256]
    """
    return max(_SHORTEST, 1 << max(isqrt(n_rows // n_lanes), 1).bit_length() - 1)


def _kernels(values: cp.ndarray, tile: int) -> dict[str, Any]:
    if str(values.dtype) not in _C_TYPES:
        raise DtypeError(
            f"segment_sum: values must be float32 or float64, are {values.dtype}; cast them"
        )
    constants = f"typedef {_C_TYPES[str(values.dtype)]} T;\n"
    constants += f"constexpr int FEATURES = {tile}, LANES = {_EDGE_THREADS // tile};\n"
    return compile_cuda(constants + _SOURCE, ["portanet_add_runs", "portanet_add_edges"])


KERNELS = {"segment_sum": _segment_sum}
