"""Mean and standard deviation of the columns of an array whose rows are read block by block."""

import numpy as np

from portanet.data.lazy_array import LazyArray

_BLOCK = 2**25  # bytes of float64 that are held at once, a few times over


def column_statistics(X: LazyArray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (divided by N) of each column, in float64.

    Of the blocks' numbers n, means m and sums of squared distances S from them, those of two blocks
    together are m = m1 + d n2 / n and S = S1 + S2 + d² n1 n2 / n, with n = n1 + n2, d = m2 - m1.

    Source: Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances", 1979, equation 1.5.
    """
    n, mean, squares = 0, np.zeros(X.shape[1:]), np.zeros(X.shape[1:])
    rows = max(1, _BLOCK // (8 * max(1, mean.size)))
    for start in range(0, len(X), rows):
        block = X.read(slice(start, min(start + rows, len(X)))).astype(np.float64)
        n_block, of_block = len(block), block.mean(0)
        distance, total = of_block - mean, n + n_block
        squares += ((block - of_block) ** 2).sum(0) + distance**2 * (n * n_block / total)
        mean += distance * (n_block / total)
        n = total
    return mean, np.sqrt(squares / n)
