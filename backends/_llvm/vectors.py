"""Words of the kernel language for vectors: numbers that a loop holds in registers side by side."""

from typing import Any

from llvmlite import ir

from portanet.backends._llvm.types import F4, I4, I8, Registers, Value, typed


def _vector(builder: ir.IRBuilder, place: Any, n: int) -> Any:
    """Return the n numbers from an address on."""
    kind = ir.VectorType(place.type.pointee, n)
    return builder.load(builder.bitcast(place, kind.as_pointer()), align=_alignment(place))


def _put(builder: ir.IRBuilder, place: Any, vector: Any) -> None:
    """Write a vector from an address on."""
    builder.store(vector, builder.bitcast(place, vector.type.as_pointer()), _alignment(place))


def _alignment(place: Any) -> int:
    return 4 if place.type.pointee == F4 else 8


def _spread(builder: ir.IRBuilder, number: Any, n: int) -> Any:
    """Return a vector of n times a number."""
    empty = ir.Constant(ir.VectorType(number.type, n), ir.Undefined)
    first = builder.insert_element(empty, number, I4(0))
    return builder.shuffle_vector(first, empty, _indices([0] * n))


def _registers(builder: ir.IRBuilder, n: int, value: Value) -> Registers:
    """Return n variables that begin with a value."""
    with builder.goto_entry_block():
        slots = [builder.alloca(value.type) for _ in range(n)]
    for slot in slots:
        builder.store(value, slot)
    return Registers(slots)


def _turn(
    builder: ir.IRBuilder, source: Any, step: Value, target: Any, target_step: Value, n: int
) -> None:
    """Write the transpose of n rows of n = 2ᵏ numbers, which lie a step apart, with another step.

    Row r and row r + n/2 are interleaved to rows 2r and 2r + 1, k times: of the 2k bits that say
    where a number lies, row and column, each round moves the first to the end.
    """
    rows = [_vector(builder, _row(builder, source, step, i), n) for i in range(n)]
    halves = [_indices([at + i // 2 + n * (i % 2) for i in range(n)]) for at in (0, n // 2)]
    for _ in range(n.bit_length() - 1):
        pairs = zip(rows[: n // 2], rows[n // 2 :], strict=True)
        rows = [builder.shuffle_vector(a, b, half) for a, b in pairs for half in halves]
    for i, row in enumerate(rows):
        _put(builder, _row(builder, target, target_step, i), row)


def _row(builder: ir.IRBuilder, place: Any, step: Value, i: int) -> Any:
    return builder.gep(place, [builder.mul(typed(step, I8), I8(i))])


def _indices(numbers: list[int]) -> Any:
    return ir.Constant(ir.VectorType(I4, len(numbers)), numbers)


VECTOR_WORDS = {
    "vector": _vector,
    "put": _put,
    "spread": _spread,
    "registers": _registers,
    "turn": _turn,
}
