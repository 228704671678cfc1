"""Kernel: the source of a CUDA kernel and its launch configuration."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from portanet.compiler.engines.cuda.text import c_type
from portanet.compiler.engines.cuda.threads import ThreadShape, place
from portanet.compiler.graph.graph import Value


@dataclass(eq=False)
class Partials:
    """A buffer for the partial results of a kernel's blocks, which the next kernel reads."""

    dtype: str
    count: int

    @property
    def n_bytes(self) -> int:
        """The number of bytes."""
        return self.count * np.dtype(self.dtype).itemsize


@dataclass
class Kernel:
    """The source of a kernel and its launch configuration.

    arguments  what its parameters point to, in order: Values, (HostScalar, dtype), Partials
    waits      how often each thread asks for elements and waits for them
    """

    name: str
    source: str
    arguments: list[Any]
    blocks: int
    threads: int
    waits: int


@dataclass
class Parameters:
    """The parameters of a kernel: their declarations, and what they point to."""

    declarations: list[str] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)
    _pointers: dict[tuple[int, bool], str] = field(default_factory=dict)

    def pointer(self, value: Value, *, const: bool = True) -> str:
        """Return the name of the parameter that points to a value."""
        key = (id(value), const)
        if key not in self._pointers:
            self._pointers[key] = self.add(value, value.dtype, const=const)
        return self._pointers[key]

    def add(self, argument: Any, dtype: Any, *, const: bool = True) -> str:
        """Add a parameter; return its name."""
        name = f"p{len(self.declarations)}"
        self.declarations.append(f"{'const ' if const else ''}{c_type(dtype)}* {name}")
        self.arguments.append(argument)
        return name


def kernel_of(
    name: str, parameters: Parameters, lines: Sequence[str], shape: ThreadShape, index: str,
    waits: int,
) -> Kernel:  # fmt: skip
    """Return a kernel whose threads compute their indices, of a type, and do what the lines say.

    The compiler is told how many threads a block has: with 1024 of them a thread may use 64
    registers at most, and a kernel that uses more is not launched at all. It is also told that one
    block on a multiprocessor is enough: else it may keep to 32, so that two fit, and spill.
    """
    head = f'extern "C" __global__ void __launch_bounds__({shape.threads}, 1)\n'
    head += f"{name}({', '.join(parameters.declarations)}) {{\n"
    text = head + "".join(f"    {line}\n" for line in (*place(shape, index), *lines)) + "}\n"
    return Kernel(name, text, parameters.arguments, shape.blocks, shape.threads, waits)
