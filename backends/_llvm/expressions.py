"""The expressions of the kernel language, made into instructions of LLVM."""

import ast
from collections.abc import Mapping
from typing import Any

from llvmlite import ir

from portanet.backends._llvm.loops import Loops
from portanet.backends._llvm.types import (
    F4,
    F8,
    I8,
    TYPES,
    U1,
    KernelError,
    Registers,
    Value,
    alike,
    binary,
    compared,
    converted,
    is_written,
    typed,
)
from portanet.backends._llvm.words import WORDS


class Expressions:
    """Translates the expressions of one function.

    `outside` holds what its names may mean beside its variables: numbers, tuples of them, and
    functions as syntax trees.
    """

    def __init__(
        self, builder: ir.IRBuilder, outside: Mapping[str, Any], loops: Loops | None = None
    ) -> None:
        self.builder, self.outside = builder, outside
        self.loops = Loops(builder) if loops is None else loops
        self.fixed: dict[str, Value] = {}  # arguments and indices of loops
        self.slots: dict[str, Any] = {}  # memory of variables, which LLVM makes registers of

    def run(self, body: list[ast.stmt]) -> Value | None:
        """Translate statements; return the value that they return."""
        raise NotImplementedError

    def value(self, node: ast.expr) -> Value:
        """Return the value of an expression."""
        return getattr(self, f"_{type(node).__name__}")(node)

    def _Constant(self, node: ast.Constant) -> Value:
        return node.value

    def _Tuple(self, node: ast.Tuple) -> Value:
        return tuple(self.value(part) for part in node.elts)

    def _Name(self, node: ast.Name) -> Value:
        if node.id in self.slots:
            return self.builder.load(self.slots[node.id])
        found = self.fixed.get(node.id, self.outside.get(node.id))
        if found is None:
            raise KernelError(f"`{node.id}` has no value")
        return found

    def _BinOp(self, node: ast.BinOp) -> Value:
        a, b = self.value(node.left), self.value(node.right)
        return binary(self.builder, type(node.op).__name__, a, b)

    def _UnaryOp(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not value if is_written(value) else self.builder.not_(value)
        if is_written(value):
            return -value
        return (self.builder.fneg if value.type in (F4, F8) else self.builder.neg)(value)

    def _BoolOp(self, node: ast.BoolOp) -> Value:
        name = "BitAnd" if isinstance(node.op, ast.And) else "BitOr"
        found = self.value(node.values[0])
        for part in node.values[1:]:
            found = binary(self.builder, name, found, self.value(part))
        return found

    def _Compare(self, node: ast.Compare) -> Value:
        a, b = self.value(node.left), self.value(node.comparators[0])
        return compared(self.builder, type(node.ops[0]).__name__, a, b)

    def _IfExp(self, node: ast.IfExp) -> Value:
        test, a, b = self.value(node.test), self.value(node.body), self.value(node.orelse)
        if is_written(test):
            return a if test else b
        return self.builder.select(test, *alike(a, b))

    def _Subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        if isinstance(base, tuple):
            return base[self.value(node.slice)]
        if isinstance(base, Registers):
            return self.builder.load(base.slots[self.value(node.slice)])
        number = self.loops.tag(self.builder.load(self.place(node)))
        if number.type == U1:
            return self.builder.icmp_signed("!=", number, typed(0, U1))
        return number

    def place(self, node: ast.Subscript) -> Any:
        """Return the address of an element."""
        return self.builder.gep(self.value(node.value), [typed(self.value(node.slice), I8)])

    def _Call(self, node: ast.Call) -> Value:
        name, args = ast.unparse(node.func), [self.value(arg) for arg in node.args]
        if name in TYPES:
            return converted(self.builder, args[0], TYPES[name])
        if name in WORDS:
            return WORDS[name](self.builder, *args)
        tree = self.outside.get(name)
        if not isinstance(tree, ast.FunctionDef):
            raise KernelError(f"`{name}` is no function of the kernel language")
        inner = type(self)(self.builder, self.outside, self.loops)
        inner.fixed = dict(zip((arg.arg for arg in tree.args.args), args, strict=True))
        return inner.run(tree.body)
