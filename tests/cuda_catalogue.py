"""The fused CUDA kernels of the whole catalogue, made on NumPy and compiled without a device.

Steps are traced as CuPy's are: with an operation for each function that CuPy has a kernel for.
"""

import ast
import re
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from unittest import mock

import numpy as np
from cases import LAYERS, LOSSES
from cases_optimizers import OPTIMIZERS
from cases_sequences import MORE_SEQUENCES
from cuda_kernels import traced
from test_compiler import Scale
from test_emit_cuda import BINARY, FUNCTIONS, SIZES, UNARY, split
from test_emit_cuda_long import LONG, moments

import portanet
from portanet import SGD, CrossEntropy, Linear, ReLU, Sequential, backends, compile_step
from portanet.compiler.engines.cuda.calls import kernels_of
from portanet.compiler.engines.cuda.text import PRELUDE
from portanet.compiler.engines.cuda.units import cuda_units
from portanet.compiler.engines.numpy.engine import NumpyEngine
from portanet.compiler.graph.lower import lower
from portanet.compiler.memory.strides import settle_strides
from portanet.dispatch import ACCELERABLE
from portanet.losses import MSE

DTYPES = ("float32", "float64")
# the oldest with all kernels, the others with a third each
ARCHITECTURES = {
    "sm_75": slice(None), "sm_80": slice(0, None, 3), "sm_90": slice(1, None, 3),
    "sm_120": slice(2, None, 3),
}  # fmt: skip
PER_MODULE = 100
N_STEPS = 4  # the first is not traced; three accumulate gradients in three ways
OPTIONS = ({}, {"clip_norm": 0.1}, {"accumulate": 3})
_CUPY = Path(portanet.__file__).parent / "backends" / "_cupy"


class CudaKernels(NumpyEngine):
    """Plans of NumPy; notes the kernels that CUDA's plans would have."""

    def __init__(self, found, backend, **options):
        super().__init__(backend, fuse=True, fast=False)
        self.found = found

    def plan(self, graph, homes, step=0):
        lower(graph, self._xp)
        settle_strides(graph, homes, self._xp.empty)
        self.found += kernels_in(graph)
        return super().plan(graph, homes, step)


def kernels_in(graph):
    return [kernel for of_unit in kernels_of(cuda_units(graph)).values() for kernel in of_unit]


@cache
def kernels():
    """Return every kernel of the catalogue, with repetitions."""
    found = []
    with as_on_cupy(found), np.errstate(all="ignore"):
        for dtype in DTYPES:
            for model, optimizer, batch in steps(dtype):
                step = compile_step(model, optimizer)
                for _ in range(N_STEPS):
                    step(*batch)
                assert step.refused is None, step.refused
            for function, shapes in functions():
                arrays = [np.full(shape, 0.5, dtype) for shape in shapes]
                found += kernels_in(traced(function, arrays, backends.get("numpy"))[0])
    return found


def needs(nvrtc, architecture, part=slice(None)):
    """Compile the kernels that differ, or a part of them; return (kernel, what it needs)."""
    different, found = list(distinct(kernels()).items())[part], []
    for start in range(0, len(different), PER_MODULE):
        named = {
            f"kernel_{start + i}": pair
            for i, pair in enumerate(different[start : start + PER_MODULE])
        }
        texts = [re.sub(r"\bkernel\b", name, text) for name, (text, _) in named.items()]
        compiled = nvrtc.compile_text(PRELUDE + "\n".join(texts), architecture)
        found += [(kernel, compiled.kernels[name]) for name, (_, kernel) in named.items()]
    return found


def distinct(found):
    """Return {text: kernel} of kernels that differ in more than their names."""
    return {re.sub(r"\bkernel_\d+(_rest)?\b", "kernel", k.source): k for k in found}


def steps(dtype):
    """Yield a model, its optimizer and a batch for each row of the tables."""
    for case in (*LAYERS, *MORE_SEQUENCES):
        x, layer = case.input(), case.layer()
        floats = x.dtype.kind == "f"
        model = Sequential([Scale(), layer] if floats else [layer], MSE()).to(dtype=dtype)
        x = x.astype(dtype) if floats else x
        shape = case.layer().to(dtype=dtype)(x).shape
        yield model, SGD(model, lr=0.01, momentum=0.9), (x, np.ones(shape, dtype))
    for case in LOSSES:
        y_hat, y = case.data()
        model = Sequential([Scale()], case.make()).to(dtype=dtype)
        y = y.astype(dtype) if y.dtype.kind == "f" else y
        yield model, SGD(model, lr=0.01), (y_hat.astype(dtype), y)
    for case in OPTIMIZERS:
        for options in OPTIONS:
            model = Sequential([Linear(5, 4), ReLU(), Linear(4, 3)], CrossEntropy()).to(dtype=dtype)
            x, y = np.ones((8, 5), dtype), np.arange(8) % 3
            yield model, case.make(model, **options), (x, y)


def functions():
    """Yield functions of arrays, and the shapes of their arguments."""
    for function, shapes, *_ in FUNCTIONS.values():
        for n, m in SIZES:
            yield function, [eval(shape, {"n": n, "m": m}) for shape in split(shapes)]
    for name in UNARY:
        yield lambda xp, a, name=name: getattr(xp if hasattr(xp, name) else np, name)(a), [(4,)]
    for name in BINARY:
        yield lambda xp, a, b, name=name: getattr(xp, name)(a, b), [(4,), (4,)]
    for n in (LONG - 1, LONG, 3 * LONG + 17):
        yield lambda xp, a: moments(xp, a, 2.0), [(n,)]


@contextmanager
def as_on_cupy(found):
    """Within this block steps are traced as on CuPy, and their CUDA kernels added to `found`."""
    plain = {name: partial(ACCELERABLE[name].plain) for name in names_of_kernels()}
    with (
        mock.patch.object(backends.get("numpy"), "kernels", plain),
        mock.patch("portanet.compiler.step.engine_for", partial(CudaKernels, found)),
    ):
        yield


def names_of_kernels():
    """Return the names of CuPy's kernels, which cannot be imported without CuPy."""
    for path in _CUPY.glob("kernels*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "KERNELS":
                yield from (key.value for key in node.value.keys)
