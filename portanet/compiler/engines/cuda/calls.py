"""The launches of a CuPy plan: for each unit the calls with their arguments bound."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import setitem
from typing import Any

from portanet.backends._cupy.blas import Products
from portanet.backends._cupy.compiling import compile_cuda
from portanet.backends._cupy.memory import PrivateMemory, Scratch
from portanet.backends._gemm import can_multiply
from portanet.compiler.engines.base import Launch
from portanet.compiler.engines.cuda.emit_long import emit_all
from portanet.compiler.engines.cuda.half import whole_source
from portanet.compiler.engines.cuda.kernel import Kernel, Partials
from portanet.compiler.engines.cuda.nodes import has_text
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Node, Value, replaced
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.half import is_half
from portanet.typing import Array

Call = Callable[[], Any]


class Calls:
    """Makes the calls of units; each launches work on the current stream.

    `kernels` are those of `kernels_of`; `find` returns the array where a value or partial results
    lie, or a number of the step, (HostScalar, dtype); `written` says which pieces of concatenations
    lie in place.

    `stream` is the one to capture the calls on.

    Without `own_products` CuPy multiplies, which cannot be captured, but gives the readable step's
    bits: cuBLAS may choose another way to add for a call, or a workspace, that is not the same.
    """

    def __init__(
        self, kernels: dict[int, list[Kernel]], find: Callable[[Any], Array], memory: PrivateMemory,
        written: dict[int, set[int]], *, own_products: bool = True,
    ) -> None:  # fmt: skip
        self._find, self._memory, self._written = find, memory, written
        self._scratch = Scratch()
        self.stream = self._scratch.stream
        self._products = Products(memory) if own_products else None
        self._kernels = kernels
        every = [kernel for of_unit in kernels.values() for kernel in of_unit]
        self.source = whole_source("\n".join(kernel.source for kernel in every))
        names = [kernel.name for kernel in every]
        self._functions = compile_cuda(self.source, names) if names else {}

    def of(self, unit: Unit) -> Iterator[Call]:
        """Yield the calls that compute a unit."""
        node = unit.single
        if node is None:
            yield from map(self._launch, self._kernels[id(unit)])
        elif self._products is not None and _is_product(node):
            yield from self._matmul(node, self._products)
        elif _is_concat(node):
            yield from self._concat(node)
        elif node.op == "reshape":
            x, out = self._find(node.args[0]), self._find(node.output)
            yield _copying(out.reshape(x.shape), x)
        else:
            yield self._any(node)

    def text(self, unit: Unit) -> str:
        """Return the names of a unit's kernels, or of the library's function."""
        names = ", ".join(kernel.name for kernel in self._kernels.get(id(unit), ()))
        return names or f"{unit.nodes[0].op}(…)"

    def launches(self, unit: Unit) -> tuple[Launch, ...]:
        """Return the kernels of a unit; () where a library decides about them."""
        kernels = self._kernels.get(id(unit), ())
        return tuple(Launch(k.blocks, k.threads, k.waits) for k in kernels)

    def _launch(self, kernel: Kernel) -> Call:
        arguments = tuple(map(self._find, kernel.arguments))
        function = self._functions[kernel.name]
        return partial(function, (kernel.blocks,), (kernel.threads,), arguments)

    def _matmul(self, node: Node, products: Products) -> Iterator[Call]:
        """Multiply by cuBLAS; operands with strides that it does not support are copied first."""
        a, b, out = (self._find(v) for v in (*node.args, node.output))
        strided = is_half(out)  # cuBLAS takes no pointers to each of them
        if not can_multiply(a, b, out, strided=strided):
            laid = [self._memory.empty(x.shape, str(x.dtype)) for x in (a, b)]
            yield _copying(laid[0], a)
            yield _copying(laid[1], b)
            a, b = laid
        yield products.prepare(a, b, out)

    def _concat(self, node: Node) -> Iterator[Call]:
        """Copy the inputs that were not computed in place."""
        out, start = self._find(node.output), 0
        axis, written = node.options.get("axis", 0), self._written.get(id(node), set())
        for i, piece in enumerate(node.args[0]):
            source = self._find(piece)
            stop = start + source.shape[axis]
            if i not in written:
                index = [slice(None)] * out.ndim
                index[axis] = slice(start, stop)
                yield _copying(out[tuple(index)], source)
            start = stop

    def _any(self, node: Node) -> Call:
        """Call the library's function as the readable step does, and copy its results."""

        def argument(x: Any) -> Any:
            return self._find((x, scalar_dtype(node)) if isinstance(x, HostScalar) else x)

        args, options = replaced((node.args, node.options), argument, (Value, HostScalar))
        outs = [self._find(value) for value in node.outputs]
        if getattr(node.function, "takes_out", False):
            return partial(self._scratch.call, node.function, *args, **options, out=outs[0])

        def call() -> None:
            results = self._scratch.call(node.function, *args, **options)
            for out, result in zip(outs, results if len(outs) > 1 else [results], strict=True):
                copy(out, result)

        return call


def kernels_of(units: Sequence[Unit]) -> dict[int, list[Kernel]]:
    """Return the kernels of each fused unit, by the unit's id."""
    kernels: dict[int, list[Kernel]] = {}
    for unit in units:
        if unit.group is not None:
            name = f"kernel_{len(kernels)}"
            kernels[id(unit)] = emit_all(name, unit.nodes, unit.outputs, unit.group.space)
    return kernels


def partials_of(kernels: Mapping[int, Sequence[Kernel]], unit: Unit) -> list[Partials]:
    """Return the partial results that a unit's kernels write and read."""
    arguments = [a for kernel in kernels.get(id(unit), ()) for a in kernel.arguments]
    return list({id(a): a for a in arguments if isinstance(a, Partials)}.values())


def runs_in_c(unit: Unit, *, own_products: bool) -> bool:
    """Return whether a unit is launched without Python bytecode, once its kernels are compiled."""
    node = unit.single
    if node is None or _is_concat(node) or node.op == "reshape":
        return True
    return own_products and _is_product(node)


def copy(target: Array, source: Array) -> None:
    """Copy an array into the memory of another."""
    target[...] = source


def _copying(target: Array, source: Array) -> Call:
    return partial(setitem, target, ..., source)


def writes_any_order(node: Node) -> bool:
    """Return whether an operation's result may have its axes in any order that ends with the last.

    Both cuBLAS and generated kernels take the strides of what they write.
    """
    return (_is_product(node) and not is_half(node.output)) or has_text(node)


def _is_product(node: Node) -> bool:
    return node.op == "matmul" and not node.options


def _is_concat(node: Node) -> bool:
    return node.op == "concat" and not set(node.options) - {"axis"}


def scalar_dtype(node: Node) -> str:
    """Return the dtype that a HostScalar is converted to in an operation."""
    floats = [str(v.dtype) for v in node.inputs if v.dtype.kind == "f"]
    return max(floats, default="float64")
