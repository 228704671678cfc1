"""A plan as straight-line NumPy source: one line for each operation, with its output array.

The lines make the same NumPy calls as the readable step, in the same order, so that results are
bit-identical. Only the output buffers differ.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from portanet.compiler.engines.numpy.forms import (
    CONCATENATE,
    COPYTO,
    float_dtype,
    form_of,
    is_zero,
    reducer_of,
    takes_one,
    ufunc_of,
)
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.operations import BINARY

Line = tuple[str, Node]


class NumpySource:
    """Writes the lines, and collects the objects that they name.

    `find(value)` returns the array of a value.
    """

    def __init__(self, find: Callable[[Value], np.ndarray], written: dict[int, set[int]]) -> None:
        self.names: dict[str, Any] = {}
        self.scalars: list[tuple[HostScalar, np.ndarray]] = []
        self._find, self._written = find, written
        self._of: dict[Any, str] = {}
        self._arrays: dict[Any, np.ndarray] = {}  # of HostScalars, by key and dtype

    def lines(self, nodes: list[Node]) -> Iterator[Line]:
        """Yield each operation's lines."""
        for node in nodes:
            if not node.is_view:
                for line in getattr(self, f"_{form_of(node)}")(node):
                    yield line, node

    def copy(self, target: np.ndarray, source: np.ndarray) -> str:
        """Return the line that copies an array."""
        return f"{self.name(COPYTO)}({self.name(target)}, {self.name(source)})"

    def name(self, thing: Any) -> str:
        """Return the name of an object in the source."""
        if id(thing) not in self._of:
            if isinstance(thing, np.ndarray):
                name = f"a{len(self.names)}"
            else:
                name = f"{getattr(thing, '__name__', 'f')}_{len(self.names)}"
                name = "".join(c if c.isalnum() else "_" for c in name)
            self._of[id(thing)] = name
            self.names[name] = thing
        return self._of[id(thing)]

    def _ufunc(self, node: Node) -> Iterator[str]:
        # keyword-only in NumPy
        keyword = "out=" if node.op in ("maximum", "minimum") else ""
        args = node.args[:1] if takes_one(node) else node.args
        arguments = ", ".join(self._arg(arg, node) for arg in args)
        yield f"{self.name(ufunc_of(node))}({arguments}, {keyword}{self._out(node)})"

    def _matmul(self, node: Node) -> Iterator[str]:
        a, b = (self._arg(arg, node) for arg in node.args)
        yield f"{self.name(np.matmul)}({a}, {b}, {self._out(node)})"

    def _astype(self, node: Node) -> Iterator[str]:
        args = f"{self._out(node)}, {self._arg(node.args[0], node)}, 'unsafe'"
        yield f"{self.name(COPYTO)}({args})"

    def _reshape(self, node: Node) -> Iterator[str]:
        """Copy an array that has no view of this shape."""
        source = self._find(node.args[0])
        yield self.copy(self._find(node.output).reshape(source.shape), source)

    def _where(self, node: Node) -> Iterator[str]:
        """Copy the second choice, then the first under a mask.

        NumPy's masked copy is slow. If the second choice is 0, as in the backward pass of ReLU, a
        bitwise and with the condition as a bit mask gives the same bits ten times faster.
        """
        condition, first, second = node.args
        out, copyto = self._out(node), self.name(COPYTO)
        truths = isinstance(condition, Value) and condition.dtype == np.bool_
        own = isinstance(first, Value) and first.dtype == node.output.dtype
        if is_zero(second) and truths and own:
            yield from self._masked(self._find(condition), first, node.output)
            return
        if out != self._arg(second, node):
            yield f"{copyto}({out}, {self._arg(second, node)})"
        mask = self._arg(condition, node)
        yield f"{copyto}({out}, {self._arg(first, node)}, 'same_kind', {mask})"

    def _masked(self, mask: np.ndarray, value: Value, out: Value) -> Iterator[str]:
        """Make 0 or -1 of each truth, in single bytes at first: -1 has all bits set."""
        bits = np.dtype(f"i{out.dtype.itemsize}")
        source, target = (self.name(self._find(v).view(bits)) for v in (value, out))
        truths, short = mask.view(np.int8), self.name(np.empty(mask.shape, np.int8))
        yield f"{self.name(np.negative)}({self.name(truths)}, {short})"
        yield f"{self.name(COPYTO)}({target}, {short})"
        yield f"{self.name(np.bitwise_and)}({source}, {target}, {target})"

    def _reduction(self, node: Node) -> Iterator[str]:
        axis, keep = node.options.get("axis"), bool(node.options.get("keepdims", False))
        name = f"{node.op}_reduce"
        self.names[name] = reducer_of(node)
        x = self._arg(node.args[0], node)
        yield f"{name}({x}, {axis!r}, None, {self._out(node)}, {keep})"

    def _concat(self, node: Node) -> Iterator[str]:
        """Copy the inputs that were not computed in place."""
        pieces, written = node.args[0], self._written.get(id(node), set())
        if not written:
            parts = ", ".join(self._arg(piece, node) for piece in pieces)
            axis = node.options.get("axis", 0)
            yield f"{self.name(CONCATENATE)}([{parts}], {axis!r}, {self._out(node)})"
            return
        out, start = self._find(node.output), 0
        for i, piece in enumerate(pieces):
            stop = start + piece.shape[0]
            if i not in written:
                yield self.copy(out[start:stop], self._find(piece))
            start = stop

    def _call(self, node: Node) -> Iterator[str]:
        """Call a function without an output argument, and copy its result."""
        args = ", ".join(self._arg(arg, node) for arg in node.args)
        options = ", ".join(f"{k}={self._arg(v, node)}" for k, v in node.options.items())
        call = f"{self.name(node.function)}({', '.join(filter(None, (args, options)))})"
        if getattr(node.function, "takes_out", False):
            yield f"{call[:-1]}, out={self._out(node)})"
        elif len(node.outputs) == 1:
            yield f"{self.name(COPYTO)}({self._out(node)}, {call})"
        else:
            yield f"results = {call}"
            for i, value in enumerate(node.outputs):
                yield f"{self.name(COPYTO)}({self._place(value)}, results[{i}])"

    def _out(self, node: Node) -> str:
        return self._place(node.output)

    def _place(self, value: Value) -> str:
        return self.name(self._find(value))

    def _arg(self, arg: Any, node: Node | None) -> str:
        if isinstance(arg, Value):
            return self._place(arg)
        if isinstance(arg, HostScalar):
            return self.name(self._scalar(arg, node))
        if isinstance(arg, list | tuple):
            parts = "".join(f"{self._arg(part, node)}, " for part in arg)
            return f"[{parts}]" if isinstance(arg, list) else f"({parts})"
        if arg is None or isinstance(arg, bool | int | str):
            return repr(arg)
        if isinstance(arg, float) and node is not None and node.op in BINARY | {"where"}:
            return self.name(self._number(arg, node))
        return self.name(arg)

    def _scalar(self, scalar: HostScalar, node: Node | None) -> np.ndarray:
        dtype = float_dtype(node)
        return self.scalar_array(scalar, dtype, lambda: np.asarray(scalar.value, dtype=dtype))

    def scalar_array(
        self, scalar: HostScalar, dtype: np.dtype, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """Return the 0-d array of a HostScalar in a dtype, created on first use by `make`."""
        key = (scalar.key, str(dtype))
        if key not in self._arrays:
            self._arrays[key] = make()
            self.scalars.append((scalar, self._arrays[key]))
        return self._arrays[key]

    def _number(self, number: float, node: Node) -> Any:
        """Return a plain number as a 0-d array of its dtype here, which NumPy reads faster."""
        key = (repr(number), float_dtype(node))
        if key not in self._of:
            with np.errstate(over="ignore"):
                array = np.asarray(number, dtype=key[1])
            self._of[key] = self.name(array)
        return self.names[self._of[key]]
