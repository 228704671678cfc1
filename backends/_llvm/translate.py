"""The kernel language, made into instructions of LLVM.

It is Python's syntax with types (types.py): loops over `range` or `parallel`, assignments, `if`,
arithmetic, elements of arrays, and calls of functions of the language, which are put in their
places. This one adds the rows of x (n, m) into y:

    def kernel(x: f4[:], y: f4[:], n: i8, m: i8):
        for i in range(n):
            total = f4(0)
            for j in parallel(m):
                total = add(total, x[m * i + j])
            y[i] = total

`parallel` says that no pass reads what another one writes, so that LLVM may do several at once, the
last ones under a mask; `unmasked` the same without masks, where there is little to do for a number,
or elements lie 2 or 3 apart. All names of a function are variables of one type each.
"""

import ast
from typing import Any

from portanet.backends._llvm.expressions import Expressions
from portanet.backends._llvm.types import (
    BOOL,
    I8,
    TYPES,
    U1,
    Registers,
    Value,
    binary,
    converted,
    is_written,
    pointer_type,
    typed,
)


class Translator(Expressions):
    """Translates the body of one function into the blocks of another."""

    def run(self, body: list[ast.stmt]) -> Value | None:
        """Translate statements; return the value that they return."""
        for statement in body:
            if isinstance(statement, ast.Return):
                assert statement.value is not None
                return self.value(statement.value)
            getattr(self, f"_{type(statement).__name__}")(statement)
        return None

    def _Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.value(node.value)

    def _Pass(self, node: ast.Pass) -> None:
        pass

    def _Assign(self, node: ast.Assign) -> None:
        self._store(node.targets[0], self.value(node.value))

    def _AugAssign(self, node: ast.AugAssign) -> None:
        place = ast.parse(ast.unparse(node.target), mode="eval").body
        new = binary(
            self.builder, type(node.op).__name__, self.value(place), self.value(node.value)
        )
        self._store(node.target, new)

    def _For(self, node: ast.For) -> None:
        assert isinstance(node.target, ast.Name)
        call = node.iter
        if not isinstance(call, ast.Call):  # over a tuple of numbers: written out
            for number in self.value(call):
                self.fixed[node.target.id] = number
                self.run(node.body)
            return
        bounds = [typed(self.value(arg), I8) for arg in call.args]
        start = bounds[0] if len(bounds) > 1 else typed(0, I8)
        step = bounds[2] if len(bounds) > 2 else typed(1, I8)
        kind = ast.unparse(call.func)
        with self.loops.over(start, bounds[min(1, len(bounds) - 1)], step, kind) as index:
            self.fixed[node.target.id] = index
            self.run(node.body)

    def _If(self, node: ast.If) -> None:
        test = self.value(node.test)
        if is_written(test):
            self.run(node.body if test else node.orelse)
            return
        with self.builder.if_else(test) as (then, otherwise):
            with then:
                self.run(node.body)
            with otherwise:
                self.run(node.orelse)

    def _While(self, node: ast.While) -> None:
        with self.loops.while_true(lambda: self.value(node.test)):
            self.run(node.body)

    def _store(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Tuple):
            for part, own in zip(target.elts, value, strict=True):
                self._store(part, own)
        elif isinstance(target, ast.Subscript):
            base = self.value(target.value)
            if isinstance(base, Registers):
                self.builder.store(value, base.slots[self.value(target.slice)])
                return
            place = self.place(target)
            if place.type.pointee == U1:
                value = converted(self.builder, typed(value, BOOL), U1)
            self.loops.tag(self.builder.store(typed(value, place.type.pointee), place))
        else:
            assert isinstance(target, ast.Name)
            self._set(target.id, value)

    def _set(self, name: str, value: Value) -> None:
        if isinstance(value, tuple | Registers) or (is_written(value) and name not in self.slots):
            self.fixed[name] = value
            return
        if name not in self.slots:
            with self.builder.goto_entry_block():
                self.slots[name] = self.builder.alloca(value.type)
        self.builder.store(typed(value, self.slots[name].type.pointee), self.slots[name])


def argument_type(node: ast.expr | None) -> Any:
    """Return the type that an argument's annotation names."""
    if isinstance(node, ast.Subscript):
        return pointer_type(TYPES[ast.unparse(node.value)])
    assert node is not None
    return TYPES[ast.unparse(node)]
