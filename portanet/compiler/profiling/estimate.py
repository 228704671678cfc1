"""Estimates: what a line of a plan would take on a GPU, from the figures of its data sheet.

    time ≈ n gap + max(bytes / bandwidth, FLOP / (peak u), waiting)

    n        how many kernels the line starts
    gap      from one kernel of a CUDA graph to the next: 1.3 µs, measured on an H100 (Spector et
             al., "Look Ma, No Bubbles!", hazyresearch.stanford.edu, 2025)
    bytes    what the line reads and writes, every array once
    u        the share of the multiprocessors that have a block: min(1, blocks / multiprocessors)
    waiting  over all kernels, the sum of waves x waits x latency, where
             waves    = ⌈blocks / (multiprocessors x the blocks that one of them holds)⌉,
             waits    = how often a thread asks for elements and waits for them,
             latency  = 600 cycles until memory answers: 460 were measured on a V100, 636 on an RTX
                        4090, 690 on a GH200 (github.com/markdewing/AI_kernels, latency/)

Assumptions, and which way they err:

- Arrays come from memory and go there. Small ones stay in the L2 cache, which answers in half the
  time: too high for small networks.
- A thread asks for no more at a time than its kernel's text says. Compilers unroll some loops, so
  that they wait less often: too high, up to some four times, where waits are many.
- A product of matrices has a block for each 64 x 64 of its result and for each 256 terms of its
  sums: cuBLAS has smaller and larger tiles, and does not always divide sums.
- Arithmetic outside of products takes no time: too low for functions in float64 on GPUs that have
  little of it (T4, L4, RTX 4090).
- A call that does not say what it starts (a line of NumPy, a function of a library) is one kernel
  with a block for each multiprocessor: too low where it is several, such as a convolution.
- Bandwidth and peak are reached. They never are: too low, by a tenth to a third.

So an estimate says which lines matter, and whether launches, memory or arithmetic does. It does not
say what a benchmark will show.
"""

from collections.abc import Iterable
from dataclasses import replace
from math import ceil, prod

from portanet.compiler.engines.base import Launch
from portanet.compiler.profiling.gpus import Gpu
from portanet.compiler.profiling.rows import Line, Row

GAP = 1.3  # µs
LATENCY = 600  # cycles
_TILE, _TERMS, _THREADS = 64, 256, 256


def with_estimates(lines: Iterable[Line], gpu: Gpu) -> list[Line]:
    """Return lines whose rows have estimates; that of a compiled call is the sum of its parts'."""
    found = []
    for line in lines:
        parts = tuple(replace(part, estimate=microseconds(part, gpu)) for part in line.parts)
        whole = sum(part.estimate or 0.0 for part in parts) if parts else None
        time = microseconds(line.row, gpu) if whole is None else whole
        found.append(Line(line.run, replace(line.row, estimate=time), parts))
    return found


def microseconds(row: Row, gpu: Gpu) -> float:
    """Return the estimate for one row (the formula stands above).

    >>> from portanet.compiler.profiling.gpus import gpu_named
    >>> row = Row("", ("add",), (), read=48_000_000, written=0)  # 10 µs at 4.8 TB/s, and a gap
    >>> round(microseconds(row, gpu_named("H200")), 2)
    11.3
    """
    launches = row.launches or (_assumed(row, gpu),)
    used = min(1.0, max(launch.blocks for launch in launches) / gpu.multiprocessors)
    peak = gpu.float64 if row.dtype == "float64" else gpu.float32
    memory = (row.read + row.written) / gpu.bandwidth / 1e6  # bytes / (10¹² bytes/s) = 10⁻¹² s
    arithmetic = row.flops / (peak * used) / 1e6
    waiting = sum(_waiting(launch, gpu) for launch in launches)
    return len(launches) * GAP + max(memory, arithmetic, waiting)


def _waiting(launch: Launch, gpu: Gpu) -> float:
    held = max(1, min(gpu.blocks, gpu.threads // launch.threads))
    waves = ceil(launch.blocks / (gpu.multiprocessors * held))
    return waves * launch.waits * LATENCY / (gpu.clock * 1e3)


def _assumed(row: Row, gpu: Gpu) -> Launch:
    """Return the kernel that stands for a call which does not say what it starts."""
    if row.operations != ("matmul",):
        return Launch(gpu.multiprocessors, _THREADS)
    *stack, m, n = (1, 1, *row.shape)
    tiles = prod(stack) * ceil(m / _TILE) * ceil(n / _TILE)
    n_terms = row.flops / (2 * max(prod(row.shape), 1))
    return Launch(tiles * max(1, ceil(n_terms / _TERMS)), _THREADS)
