"""NumPy kernels for sums over segments (the gradient of an embedding).

The plain definition is a product with a one-hot matrix, which is the fastest way for few segments:
BLAS adds. From some 32 segments on the matrix is mostly zeros, and adding number by number wins.
float32, one thread, in ms (as measured; see benchmarks for other machines):

    segments x rows x features       one-hot   np.add.at   the same, flat   argsort + add.reduceat
    14 x 768 x 64                       0.02        0.42             0.09                     0.06
    100 x 2048 x 64                     0.38        1.12             0.24                     0.16
    10000 x 2048 x 128                 75           2.40             0.56                     1.45
    30000 x 8192 x 64                     -         4.97             1.42                     3.79

"Flat" is np.add.at on the numbers instead of the rows: NumPy has a fast path for one dimension.
"""

import numpy as np

_FEW = 32


def _segment_sum(values: np.ndarray, indices: np.ndarray, n: int) -> np.ndarray:
    """Add row by row, in order; few segments as a product."""
    if n <= _FEW:
        return (np.arange(n)[:, None] == indices[None, :]).astype(values.dtype) @ values
    n_features = values.shape[1]
    total = np.zeros(n * n_features, values.dtype)
    places = indices.astype(np.intp)[:, None] * n_features + np.arange(n_features)
    np.add.at(total, places.ravel(), values.ravel())
    return total.reshape(n, n_features)


KERNELS = {"segment_sum": _segment_sum}
