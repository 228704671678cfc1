"""The words of the kernel language: what has no sign in Python's syntax, and is one instruction."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from portanet.backends._llvm.types import (
    ANY_ORDER,
    F4,
    F8,
    I4,
    I8,
    VOID,
    Value,
    alike,
    pointer_type,
    typed,
)
from portanet.backends._llvm.vectors import VECTOR_WORDS
from portanet.backends._numpy.blas import AS_IT_IS, ROW_MAJOR

Builder = ir.IRBuilder


def _named(name: str) -> Callable[..., Any]:
    """Return what writes a call of LLVM's own function of this name, of numbers of one type."""

    def write(builder: Builder, *args: Value) -> Any:
        kind = next(arg.type for arg in args if hasattr(arg, "type"))
        of = ir.FunctionType(kind, [kind] * len(args))
        function = builder.module.declare_intrinsic(name, [kind], of)
        return builder.call(function, [typed(arg, kind) for arg in args])

    return write


def _cast(source: Any, target: Any) -> Callable[..., Any]:
    """Return what writes the bits of a number of one type as a number of another."""
    return lambda builder, value: builder.bitcast(typed(value, source), target)


def _add(builder: Builder, a: Value, b: Value) -> Any:
    """Write a sum whose order is free: LLVM may keep several."""
    return builder.fadd(*alike(a, b), flags=ANY_ORDER)


def _times(builder: Builder, a: Value, b: Value) -> Any:
    """Write a product that is rounded before anything is added to it: no part of an fma."""
    return builder.fmul(*alike(a, b))


KERNEL = ir.FunctionType(VOID, [pointer_type(I8), I8, I8])
"""A kernel: the table of its arguments, and where the passes of its outer loop begin and end."""


def _call(builder: Builder, function: Any, table: Any, first: Value, last: Value) -> None:
    """Call a kernel; it and its table are given by address."""
    bounds = [typed(first, I8), typed(last, I8)]
    place = builder.inttoptr(function, KERNEL.as_pointer())
    builder.call(place, [builder.inttoptr(table, pointer_type(I8)), *bounds])


# what threads see of each other: in order, and whole


def _fetch(builder: Builder, place: Any) -> Any:
    return builder.load_atomic(place, "seq_cst", 8)


def _publish(builder: Builder, place: Any, value: Value) -> None:
    builder.store_atomic(typed(value, I8), place, "seq_cst", 8)


def _atomic(operation: str) -> Callable[..., Any]:
    """Return what writes a change of a number in memory, which returns what was there before."""

    def write(builder: Builder, place: Any, value: Value) -> Any:
        return builder.atomic_rmw(operation, place, typed(value, I8), "seq_cst")

    return write


def _semaphore(builder: Builder, function: Any, semaphore: Any) -> None:
    """Call sem_post or sem_wait; it and the semaphore are given by address."""
    of = ir.FunctionType(I4, [pointer_type(I8)]).as_pointer()
    place = builder.inttoptr(semaphore, pointer_type(I8))
    builder.call(builder.inttoptr(function, of), [place])


def _yield(builder: Builder, function: Any) -> None:
    """Call sched_yield, which is given by address."""
    builder.call(builder.inttoptr(function, ir.FunctionType(I4, []).as_pointer()), [])


def _function(name: str) -> Callable[..., Any]:
    """Return what writes a call of a function of the C library, whose symbol machine.py adds."""

    def write(builder: Builder, *args: Value) -> Any:
        kind = next(arg.type for arg in args if hasattr(arg, "type"))
        symbol = f"portanet_{name}{'f' if kind == F4 else ''}"
        function = builder.module.globals.get(symbol)
        if function is None:
            of = ir.FunctionType(kind, [kind] * len(args))
            function = ir.Function(builder.module, of, symbol)
            function.attributes.add("readnone")
            function.attributes.add("nounwind")
        return builder.call(function, [typed(arg, kind) for arg in args])

    return write


def _gemm(size: Any) -> Callable[..., None]:
    """Return what writes a call of cblas_?gemm, whose integers have `size`; see multiply."""

    def multiply(
        builder: Builder, blas: Any, ta: Value, tb: Value, m: Value, n: Value, k: Value,
        alpha: Value, a: Any, lda: Value, b: Any, ldb: Value, beta: Value, c: Any, ldc: Value,
    ) -> None:  # fmt: skip
        """C (m, n) = alpha A B + beta C; ta and tb say 1 for a matrix that lies transposed."""
        kind = c.type.pointee
        types = [I4] * 3 + [size] * 3 + [kind, a.type, size, b.type, size, kind, c.type, size]
        orders = [_order(builder, ta), _order(builder, tb)]
        sizes = [builder.trunc(typed(x, I8), size) if size != I8 else typed(x, I8)
                 for x in (m, n, k, lda, ldb, ldc)]  # fmt: skip
        numbers = [typed(alpha, kind), typed(beta, kind)]
        arguments = [
            I4(ROW_MAJOR), *orders, *sizes[:3], numbers[0], a, sizes[3], b, sizes[4],
            numbers[1], c, sizes[5],
        ]  # fmt: skip
        of = ir.FunctionType(VOID, types).as_pointer()
        builder.call(builder.inttoptr(blas, of), arguments)

    return multiply


def _order(builder: Builder, transposed: Value) -> Any:
    number = typed(transposed, I8)
    return builder.trunc(builder.add(number, typed(AS_IT_IS, I8)), I4)


C_FUNCTIONS = (
    "exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos", "tan", "sinh", "cosh", "atan",
    "asin", "acos", "pow",
)  # fmt: skip
"""Functions of the C library, for float32 (with an f behind) and float64; here c_exp and so on."""

WORDS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "times": _times,
    "maximum": _named("llvm.maximum"),  # NaN if either is, as NumPy's
    "minimum": _named("llvm.minimum"),
    "sqrt": _named("llvm.sqrt"),
    "abs": _named("llvm.fabs"),
    "copysign": _named("llvm.copysign"),
    "floor": _named("llvm.floor"),
    "ceil": _named("llvm.ceil"),
    "trunc": _named("llvm.trunc"),
    "smaller": _named("llvm.smin"),  # of integers
    "larger": _named("llvm.smax"),
    "bits": _cast(F8, I8),
    "from_bits": _cast(I8, F8),
    "gemm64": _gemm(I8),
    "gemm32": _gemm(I4),
    "call": _call,
    "fetch": _fetch,
    "publish": _publish,
    "fetch_add": _atomic("add"),
    "exchange": _atomic("xchg"),
    "semaphore": _semaphore,
    "give_way": _yield,
    **VECTOR_WORDS,
} | {f"c_{name}": _function(name) for name in C_FUNCTIONS}
