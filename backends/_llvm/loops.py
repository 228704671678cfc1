"""Loops in instructions of LLVM, and what is said of them for its vectorizer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from portanet.backends._llvm.types import I8

# The last numbers of a row are done as all others are, under a mask: where each takes long, such as
# exp, 4 of 20 would take longer one by one than the 16 before.
_MASKED = "llvm.loop.vectorize.predicate.enable"


class Loops:
    """Writes loops; knows whether an instruction stands in a parallel one."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self._builder = builder
        self._parallel = False

    def tag(self, access: Any) -> Any:
        """Return a load or store, marked if it is one of a parallel loop."""
        if self._parallel:
            access.set_metadata("llvm.access.group", _group(self._builder.module))
        return access

    @contextmanager
    def over(self, start: Any, stop: Any, step: Any, kind: str) -> Iterator[Any]:
        """Give the index from start to stop; what is written within this block is the body."""
        builder = self._builder
        before, outer = builder.block, self._parallel
        body, after = builder.append_basic_block(), builder.append_basic_block()
        builder.cbranch(builder.icmp_signed("<", start, stop), body, after)
        builder.position_at_end(body)
        index = builder.phi(I8)
        index.add_incoming(start, before)
        self._parallel = kind != "range"
        yield index
        self._parallel = outer
        following = builder.add(index, step, flags=("nsw",))
        index.add_incoming(following, builder.block)
        back = builder.cbranch(builder.icmp_signed("<", following, stop), body, after)
        if kind == "range":
            back.set_metadata("llvm.loop", _as_it_is(builder.module))
        else:
            back.set_metadata("llvm.loop", _promises(builder.module, kind == "parallel"))
        builder.position_at_end(after)

    @contextmanager
    def while_true(self, test: Callable[[], Any]) -> Iterator[None]:
        """Repeat what is written within this block while a test, written at its head, is true."""
        builder, outer = self._builder, self._parallel
        head, body, after = (builder.append_basic_block() for _ in range(3))
        self._parallel = False
        builder.branch(head)
        builder.position_at_end(head)
        builder.cbranch(test(), body, after)
        builder.position_at_end(body)
        yield
        builder.branch(head)
        builder.position_at_end(after)
        self._parallel = outer


class _Distinct(ir.values.MDValue):
    """A node of metadata that is no other, even if both say the same."""

    def descr(self, buf: list[str]) -> None:
        """Write the node."""
        parts = ", ".join(op.get_reference() for op in self.operands)
        buf += (f"distinct !{{ {parts} }}", "\n")


def _node(module: ir.Module, parts: list[Any]) -> Any:
    return _Distinct(module, parts, name=str(len(module.metadata)))


def _group(module: ir.Module) -> Any:
    """Return the group of all accesses in parallel loops."""
    if not hasattr(module, "accesses"):
        module.accesses = _node(module, [])  # pyright: ignore[reportAttributeAccessIssue]
    return module.accesses  # pyright: ignore[reportAttributeAccessIssue]


def _promises(module: ir.Module, masked: bool) -> Any:
    """Return a loop's own node: its passes are independent; whether its end is to be masked."""
    independent = module.add_metadata(["llvm.loop.parallel_accesses", _group(module)])
    ending = module.add_metadata([_MASKED, ir.Constant(ir.IntType(1), int(masked))])
    own = _node(module, [])
    own.operands = (own, independent, ending)
    return own


def _as_it_is(module: ir.Module) -> Any:
    """Return a loop's own node: it is not to be vectorized, which would be tried in vain."""
    never = module.add_metadata(["llvm.loop.vectorize.enable", ir.Constant(ir.IntType(1), 0)])
    own = _node(module, [])
    own.operands = (own, never)
    return own
