"""Kernel: the source of a CUDA kernel and its launch configuration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Partials:
    """A buffer for the partial results of a kernel's blocks, which the next kernel reads."""

    dtype: str
    count: int


@dataclass
class Kernel:
    """The source of a kernel and its launch configuration.

    arguments  what its parameters point to, in order: Values, (HostScalar, dtype), Partials
    """

    name: str
    source: str
    arguments: list[Any]
    blocks: int
    threads: int


def kernel_of(
    name: str, parameters: Sequence[str], arguments: list[Any], lines: Sequence[str],
    blocks: int, threads: int,
) -> Kernel:  # fmt: skip
    """Return a kernel with a body of these lines.

    The compiler is told how many threads a block has: with 1024 of them a thread may use 64
    registers at most, and a kernel that uses more is not launched at all.
    """
    head = f'extern "C" __global__ void __launch_bounds__({threads})\n'
    head += f"{name}({', '.join(parameters)}) {{\n"
    text = head + "".join(f"    {line}\n" for line in lines) + "}\n"
    return Kernel(name, text, arguments, blocks, threads)
