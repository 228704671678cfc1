"""Gathering of batches on the device, into the buffers that a captured graph reads.

One launch copies the rows of a batch from all resident arrays. The kernel reads their indices from
device memory: `order` is the permutation of the epoch, `position` the start of the batch in it. So
one graph serves all batches of its size.
"""

from collections.abc import Callable, Sequence
from math import prod

from portanet.backends._cupy.compiling import compile_cuda
from portanet.errors import ShapeError
from portanet.typing import Array

_THREADS = 256
_BLOCKS = 1024  # at most; each thread then copies several numbers
_WORDS = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long long"}


def gather(
    sources: Sequence[Array], order: Array | None, position: Array, outs: Sequence[Array]
) -> Callable[[], None]:
    """Return a call that sets out[i] = source[order[position + i]] for each source, in one launch.

    Shapes: source (N, ...), order (N,) of int64 or None (as they lie), position () of int64, out
    (B, ...); all on the current device, order C-contiguous, the others in any order of axes.
    position + B must not exceed N: that is not checked, since it would need a synchronization.

    Raises ShapeError if an out is not like a batch of its source.
    """
    for source, out in zip(sources, outs, strict=True):
        _check(source, out)
    n = sum(out.size for out in outs)
    kernel = compile_cuda(_source(sources, outs, ordered=order is not None), ["gather_batch"])
    arrays = [x for pair in zip(sources, outs, strict=True) for x in pair]
    arguments = (position, *(() if order is None else (order,)), *arrays)
    grid, block = (min(_BLOCKS, -(-n // _THREADS)),), (_THREADS,)
    return lambda: kernel["gather_batch"](grid, block, arguments)


def _check(source: Array, out: Array) -> None:
    if source.shape[1:] != out.shape[1:] or source.dtype != out.dtype or out.size == 0:
        raise ShapeError(
            f"gather: out must be a batch of {source.dtype} {tuple(source.shape)}, is {out.dtype} "
            f"{tuple(out.shape)}"
        )


def _source(sources: Sequence[Array], outs: Sequence[Array], *, ordered: bool) -> str:
    """Return the kernel's source: one thread for each element of all outputs."""
    parameters, parts, start = ["const long long* position"], [], 0
    if ordered:
        parameters.append("const long long* order")
    for i, (source, out) in enumerate(zip(sources, outs, strict=True)):
        word, size = _WORDS[source.dtype.itemsize], prod(source.shape[1:])
        row = f"k / {size}LL"
        chosen = f"order[*position + {row}]" if ordered else f"(*position + {row})"
        parameters += [f"const {word}* source{i}", f"{word}* out{i}"]
        parts.append(
            f"        if (k >= 0 && k < {out.size}LL)\n"
            f"            out{i}[{_index(out, row)}] = source{i}[{_index(source, chosen)}];\n"
            f"        k -= {out.size}LL;\n"
        )
        start += out.size
    return (
        f'extern "C" __global__ void gather_batch({", ".join(parameters)}) {{\n'
        "    const long long step = (long long)gridDim.x * blockDim.x;\n"
        "    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;\n"
        f"    for (; i < {start}LL; i += step) {{\n"
        "        long long k = i;\n" + "".join(parts) + "    }\n}\n"
    )


def _index(array: Array, row: str) -> str:
    """Return the index of element k of a batch in an array, given the text of its row."""
    itemsize = array.dtype.itemsize
    terms, inner = [f"({row}) * {array.strides[0] // itemsize}LL"], 1
    for n, stride in _axes(array.shape[1:], array.strides[1:]):
        terms.append(f"k / {inner}LL % {n}LL * {stride // itemsize}LL")
        inner *= n
    return " + ".join(terms)


def _axes(shape: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """Return lengths and strides from the last axis to the first; contiguous ones are merged."""
    axes: list[tuple[int, int]] = []
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if axes and stride == axes[-1][0] * axes[-1][1]:
            axes[-1] = axes[-1][0] * n, axes[-1][1]
        elif n > 1:
            axes.append((n, stride))
    return axes
