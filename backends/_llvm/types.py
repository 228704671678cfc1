"""The types of the kernel language, and how its values are computed with by instructions of LLVM.

    f4, f8      float32, float64                 f4[:]       an address of such numbers
    i8          int64                            u1[:]       of booleans, a byte each
    bool        true or false

Beside these there are vectors, which are computed with element by element, and `registers`, a
numbered row of variables; words/vectors.py has what makes them.

A number that is written down (2, 0.5) takes on the type of what it meets; nothing else is converted
unless the text says so. A product and a sum may become one instruction that rounds once.
"""

from collections.abc import Callable
from operator import add, eq, floordiv, ge, gt, le, lt, mod, mul, ne, sub, truediv
from typing import Any

from llvmlite import ir

F4, F8, I8 = ir.FloatType(), ir.DoubleType(), ir.IntType(64)
BOOL, U1, I4, VOID = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.VoidType()
TYPES: dict[str, Any] = {"f4": F4, "f8": F8, "i8": I8, "bool": BOOL, "u1": U1}

ROUNDS_ONCE = ("contract",)
ANY_ORDER = ("reassoc", "contract")

Value = Any  # an ir.Value, or a Python number that was written down
_FLOATS = {"Add": "fadd", "Sub": "fsub", "Mult": "fmul", "Div": "fdiv"}
_INTEGERS = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "LShift": "shl", "RShift": "ashr",
    "BitAnd": "and_", "BitOr": "or_", "BitXor": "xor",
}  # fmt: skip
_WRITTEN: dict[str, Callable[[Any, Any], Any]] = {
    "Add": add, "Sub": sub, "Mult": mul, "Div": truediv, "FloorDiv": floordiv, "Mod": mod,
}  # fmt: skip
_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "Eq": ("==", eq), "NotEq": ("!=", ne), "Lt": ("<", lt), "LtE": ("<=", le), "Gt": (">", gt),
    "GtE": (">=", ge),
}  # fmt: skip


class KernelError(TypeError):
    """A text that is not of the kernel language: a fault of portanet's own."""


class Registers:
    """Variables of one type that have numbers in place of names; the numbers are written down."""

    def __init__(self, slots: list[Any]) -> None:
        self.slots = slots


def is_real(kind: Any) -> bool:
    """Return whether a type is one of floats, or of vectors of them."""
    return kind in (F4, F8) or isinstance(kind, ir.VectorType)


def is_written(value: Value) -> bool:
    """Return whether a value is a number that was written down."""
    return isinstance(value, bool | int | float)


def typed(value: Value, kind: Any) -> Any:
    """Return a value that has a type: a written number as one of this type."""
    if not is_written(value):
        if value.type != kind:
            raise KernelError(f"{value.type} where {kind} was wanted")
        return value
    if kind in (F4, F8):
        return ir.Constant(kind, float(value))
    if isinstance(value, float):
        raise KernelError(f"{value} where {kind} was wanted")
    return ir.Constant(kind, int(value))


def alike(a: Value, b: Value) -> tuple[Any, Any]:
    """Return two values of one type."""
    kind = b.type if is_written(a) else a.type
    return typed(a, kind), typed(b, kind)


def binary(builder: ir.IRBuilder, name: str, a: Value, b: Value) -> Value:
    """Return a + b and the like; `name` is that of Python's syntax tree."""
    if is_written(a) and is_written(b):
        return _WRITTEN[name](a, b)
    if not is_written(a) and isinstance(a.type, ir.PointerType) and name == "Add":
        return builder.gep(a, [typed(b, I8)])
    a, b = alike(a, b)
    if is_real(a.type):
        return getattr(builder, _FLOATS[name])(a, b, flags=ROUNDS_ONCE)
    if name in ("FloorDiv", "Mod"):
        return _divided(builder, name, a, b)
    return getattr(builder, _INTEGERS[name])(a, b)


def _divided(builder: ir.IRBuilder, name: str, a: Any, b: Any) -> Any:
    """Return a // b or a % b, rounded down as Python does; b is positive."""
    rest = builder.srem(a, b)
    below = builder.icmp_signed("<", rest, typed(0, I8))
    if name == "Mod":
        return builder.select(below, builder.add(rest, b), rest)
    return builder.sub(builder.sdiv(a, b), builder.zext(below, I8))


def compared(builder: ir.IRBuilder, name: str, a: Value, b: Value) -> Any:
    """Return a == b and the like."""
    sign, compare = _COMPARISONS[name]
    if is_written(a) and is_written(b):
        return compare(a, b)
    a, b = alike(a, b)
    if a.type in (F4, F8):
        return (builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered)(sign, a, b)
    return builder.icmp_signed(sign, a, b)


def converted(builder: ir.IRBuilder, value: Value, kind: Any) -> Any:
    """Return a value in another type, as NumPy's astype does."""
    if is_written(value) or value.type == kind:
        return typed(value, kind)
    source = value.type
    if source == F4 and kind == F8:
        return builder.fpext(value, kind)
    if source == F8 and kind == F4:
        return builder.fptrunc(value, kind)
    if source in (F4, F8):
        return builder.fptosi(value, kind)
    if kind in (F4, F8):
        return (builder.uitofp if source == BOOL else builder.sitofp)(value, kind)
    return builder.zext(value, kind) if source == BOOL else builder.trunc(value, kind)


def pointer_type(kind: Any) -> Any:
    """Return the type of an address of numbers."""
    return kind.as_pointer()
