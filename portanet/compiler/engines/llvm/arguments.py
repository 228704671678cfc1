"""The arguments of a kernel: what its text leaves open, so that others like it share its code.

A kernel's text names arrays x0, x1 …, the lengths of its loops n0 …, strides s0 …, and numbers
c0 …, in the order of their first use. Two groups of the same operations, of whatever sizes and
wherever their arrays lie, have the same text, and one machine code.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from portanet.compiler.graph.graph import Value
from portanet.compiler.graph.host_scalar import HostScalar

MEMORY = {
    np.dtype(name): kind
    for name, kind in (("float32", "f4"), ("float64", "f8"), ("int64", "i8"), ("bool", "u1"))
}
"""The dtypes that kernels know, and what they are called there."""

_SAID = (0, 1, -1, 2, 0.5, np.inf, -np.inf)  # written down: LLVM makes less of these


class Arguments:
    """Names for what a kernel is given, and their values.

    `address(value)` returns where a value's array lies; `scalar(scalar, dtype)` the same for a
    number of the step.
    """

    def __init__(
        self, address: Callable[[Value], int], scalar: Callable[[HostScalar, Any], int]
    ) -> None:
        self._address, self._scalar = address, scalar
        self._names: dict[Any, str] = {}
        self._given: list[tuple[str, str, Any]] = []  # name, type, value
        self.sources: list[Any] = []  # the Value or (HostScalar, dtype) whose address each is

    def array(self, value: Value) -> str:
        """Return the name of a value's memory."""
        return self.memory(id(value.root), self._address(value), value.dtype, value)

    def memory(self, owner: int, address: int, dtype: Any, source: Any = None) -> str:
        """Return the name of an address in the memory that an object owns."""
        kind = MEMORY[dtype]
        return self._name(("x", owner, address, kind), "x", f"{kind}[:]", address, source)

    def share(self, a: Value, b: Value) -> bool:
        """Return whether the arrays that own two values' memory lie at one place."""
        return self._address(a.root) == self._address(b.root)

    def scalar(self, scalar: HostScalar, dtype: Any) -> str:
        """Return the name of the memory of a number of the step."""
        kind, address = MEMORY[np.dtype(dtype)], self._scalar(scalar, dtype)
        return self._name(("h", address), "h", f"{kind}[:]", address, (scalar, dtype))

    def length(self, loop: str, n: int) -> str:
        """Return the name of a loop's length."""
        return self._name(("n", loop), "n", "i8", n)

    def stride(self, loop: str, stride: int) -> str:
        """Return the name of a stride along a loop's index."""
        return self._name(("s", loop, stride), "s", "i8", stride)

    def along(self, loops: Sequence[str], strides: Sequence[int]) -> list[str]:
        """Return the terms of an index: a stride times the index of each loop."""
        return [
            loop if stride == 1 else f"{self.stride(loop, stride)} * {loop}"
            for loop, stride in zip(loops, strides, strict=True)
            if stride
        ]

    def integer(self, name: str, number: int) -> str:
        """Return the name of an integer that may differ between kernels of one text."""
        return self._name(("i", name), name, "i8", number)

    def number(self, value: Any, dtype: Any) -> str:
        """Return the text of a number in a dtype."""
        if dtype == "bool":
            return f"bool({bool(value)})"
        kind = MEMORY[np.dtype(dtype)]
        with np.errstate(over="ignore"):
            rounded = np.dtype(dtype).type(value).item()
        if rounded in _SAID and not (rounded == 0 and str(rounded).startswith("-")):
            return f"{kind}({rounded})"
        if rounded != rounded:
            return f"{kind}(nan)"
        return self._name(("c", rounded, kind), "c", kind, rounded)

    def _name(self, key: Any, letter: str, kind: str, given: Any, source: Any = None) -> str:
        if key not in self._names:
            self._names[key] = f"{letter}{len(self._names)}"
            self._given.append((self._names[key], kind, given))
            self.sources.append(source)
        return self._names[key]

    @property
    def text(self) -> str:
        """The arguments as a kernel's first line has them."""
        return ", ".join(f"{name}: {kind}" for name, kind, _ in self._given)

    @property
    def table(self) -> np.ndarray:
        """What a kernel is called with: 8 bytes for each argument."""
        table = np.zeros(len(self._given), np.int64)
        for at, (_, kind, given) in enumerate(self._given):
            (table.view(np.float64) if kind in ("f4", "f8") else table)[at] = given
        return table
