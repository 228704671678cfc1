"""SparseArray: a sparse matrix of SciPy's, of which the rows of a batch are made dense."""

from typing import Any

import numpy as np

from portanet.data.lazy_array import LazyArray
from portanet.data.values import check_finite
from portanet.errors import DtypeError, ShapeError


def is_sparse(x: Any) -> bool:
    """Return whether x is a sparse array of any library."""
    return hasattr(x, "tocsr") or hasattr(x, "todense") or _is_sparse_tensor(x)


class SparseArray(LazyArray):
    """A sparse matrix (N, n), which stays sparse: as rows (CSR), in memory.

    Raises DtypeError if it is no SciPy matrix, ShapeError if it has not two axes, DataError if one
    of its numbers is not finite.
    """

    def __init__(self, name: str, source: Any) -> None:
        if not type(source).__module__.startswith("scipy.sparse"):
            raise DtypeError(
                f"Dataset: {name} must be a dense array or a sparse matrix of SciPy's, is "
                f"{_kind(source)}; call {name}.{_to_dense(source)}"
            )
        if len(source.shape) != 2:
            raise ShapeError(
                f"Dataset: {name} must be a sparse matrix (N, n), has the shape "
                f"{tuple(source.shape)}; reshape it, or call {name}.toarray()"
            )
        super().__init__(source.shape, source.dtype, source)
        self.matrix = source.tocsr()
        check_finite(name, self.matrix.data)

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return some rows, dense."""
        return np.ascontiguousarray(self.matrix[rows].toarray(), self.dtype)


def _is_sparse_tensor(x: Any) -> bool:
    """Return whether x is sparse in PyTorch's way."""
    return bool(getattr(x, "is_sparse", False) or getattr(x, "is_sparse_csr", False))


def _kind(x: Any) -> str:
    return f"{type(x).__module__.partition('.')[0]}'s sparse {type(x).__name__}"


def _to_dense(x: Any) -> str:
    """Return the call that a library has for what is wanted."""
    if hasattr(x, "get"):  # of CuPy
        return "get()"
    return "todense()" if hasattr(x, "todense") else "to_dense()"
