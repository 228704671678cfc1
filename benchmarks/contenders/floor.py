"""The floor: nothing but the matrix products of a step of linear layers, into arrays made before.

A step with BLAS cannot be faster than this. Three contend, and the fastest counts: NumPy's BLAS
through `matmul` and through `dot`, and MKL's through ctypes where the package mkl is installed.
"""

import ctypes
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Data, NotInstalledError, Step, UnsupportedError
from benchmarks.networks import Network, batches, initial_weights

Product = Callable[[], Any]  # one matrix product, its operands and its output bound


class Floor(Contender):
    """The products x w, xᵀ g and, but for the first layer, g wᵀ."""

    def __init__(self, name: str, bind: Callable[[np.ndarray, np.ndarray, np.ndarray], Product]):
        self.name, self.bind = name, bind

    def make(self, network: Network, data: Data) -> Step:
        if network.kind != "mlp":
            raise UnsupportedError("the floor is that of linear layers")
        plans = [self.plan(network, x) for x, _ in batches(network, *data)]

        def step(i: int) -> None:
            for product in plans[i % len(plans)]:
                product()

        return step

    def plan(self, network: Network, x: np.ndarray) -> list[Product]:
        """Return the products of a step on one batch."""
        weights = [w for w in initial_weights(network).values() if w.ndim == 2]
        outputs = [np.zeros((len(x), w.shape[1]), np.float32) for w in weights]
        inputs = [x, *outputs[:-1]]
        plan = [self.bind(*three) for three in zip(inputs, weights, outputs, strict=True)]
        for i in reversed(range(len(weights))):
            plan.append(self.bind(inputs[i].T, outputs[i], np.empty_like(weights[i])))
            if i:
                plan.append(self.bind(outputs[i], weights[i].T, np.empty_like(inputs[i])))
        return plan


def with_matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Product:
    """Return out <- a b by np.matmul."""
    return lambda: np.matmul(a, b, out=out)


def with_dot(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Product:
    """Return out <- a b by np.dot."""
    return lambda: np.dot(a, b, out=out)


def with_mkl(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Product:
    """Return out <- a b by MKL's cblas_sgemm. The arguments are made once: a call costs 1 µs."""
    sgemm = mkl().cblas_sgemm
    (m, k), n = a.shape, b.shape[1]
    row_major, one, zero = ctypes.c_int(101), ctypes.c_float(1), ctypes.c_float(0)
    arguments = (
        row_major, *map(ctypes.c_int, (transposed(a), transposed(b), m, n, k)), one,
        *operand(a), *operand(b), zero, *operand(out),
    )  # fmt: skip
    kept = (a, b, out)  # their memory must outlive the pointers

    def product(kept: Any = kept) -> None:  # noqa: ARG001
        sgemm(*arguments)

    return product


def transposed(a: np.ndarray) -> int:
    """Return CBLAS' word for a matrix that lies row by row (111) or column by column (112)."""
    return 111 if a.flags.c_contiguous else 112


def operand(a: np.ndarray) -> tuple[ctypes.c_void_p, ctypes.c_int]:
    """Return the address of a matrix and the length of what lies in one piece."""
    return ctypes.c_void_p(a.ctypes.data), ctypes.c_int(max(a.strides) // a.itemsize)


def mkl() -> ctypes.CDLL:
    """Return MKL, loaded. Raises NotInstalledError without the package mkl."""
    try:
        files = metadata.files("mkl") or []
    except metadata.PackageNotFoundError as error:
        raise NotInstalledError("not installed (pip install mkl)") from error
    (library,) = [f for f in files if "mkl_rt" in f.name and "dist-info" not in str(f)]
    return ctypes.CDLL(str(library.locate()))


FLOORS = [
    Floor("products, np.matmul", with_matmul),
    Floor("products, np.dot", with_dot),
    Floor("products, MKL", with_mkl),
]
