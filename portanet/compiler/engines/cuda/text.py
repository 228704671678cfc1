"""CUDA C++ text of the element-wise operations, with NumPy's promotion and NumPy's edge cases."""

from collections.abc import Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np

C_TYPES = {
    "float16": "Half", "float32": "float", "float64": "double", "bool": "bool",
    "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int",
    "uint64": "unsigned long long",
}  # fmt: skip

# {0}, {1}, {2} are the operands, in the type of the computation.
_ARITHMETIC = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}",
    "negative": "-{0}", "positive": "{0}", "square": "{0} * {0}",
    "maximum": "Maximum::of({0}, {1})", "minimum": "Minimum::of({0}, {1})",
    "abs": "abs_of({0})", "sign": "sign_of({0})",
}  # fmt: skip
_COMPARISONS = {
    "equal": "{0} == {1}", "not_equal": "{0} != {1}", "less": "{0} < {1}",
    "less_equal": "{0} <= {1}", "greater": "{0} > {1}", "greater_equal": "{0} >= {1}",
}  # fmt: skip
_LOGIC = {
    "logical_and": "{0} && {1}", "logical_or": "{0} || {1}", "logical_xor": "{0} != {1}",
    "logical_not": "!{0}", "bitwise_and": "{0} && {1}", "bitwise_or": "{0} || {1}",
    "bitwise_xor": "{0} != {1}", "bitwise_invert": "!{0}",
}  # fmt: skip
_TESTS = {
    "isnan": "{0} != {0}",
    "isfinite": "{0} - {0} == 0",
    "isinf": "{0} == {0} && {0} - {0} != 0",
}
# Functions of floating-point numbers; CUDA overloads these names for float and double.
_FLOATING = {name: f"{name}({{0}})" for name in (
    "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil", "trunc",
)} | {
    "divide": "{0} / {1}", "reciprocal": "1 / {0}", "round": "rint({0})", "pow": "pow({0}, {1})",
    "atan2": "atan2({0}, {1})", "hypot": "hypot({0}, {1})", "copysign": "copysign({0}, {1})",
    "logaddexp": "log_add_exp({0}, {1})",
    "kernel:erf": "erf({0})", "kernel:sigmoid": "sigmoid({0})",
    "kernel:sigmoid_backward": "sigmoid_backward({0}, {1})",
}  # fmt: skip
_POWERS = {2: "{0} * {0}", 0.5: "sqrt({0})", -1: "1 / {0}", 1: "{0}"}

PRELUDE = """
// maxima and minima of what holds a NaN are NaN
struct Maximum {
    template <class T> __device__ static T of(T a, T b) { return a >= b || a != a ? a : b; }
};
struct Minimum {
    template <class T> __device__ static T of(T a, T b) { return a <= b || a != a ? a : b; }
};
struct Add { template <class T> __device__ static T of(T a, T b) { return a + b; } };
struct Multiply { template <class T> __device__ static T of(T a, T b) { return a * b; } };
// truth values; || and && would be branches
struct Or { template <class T> __device__ static T of(T a, T b) { return a | b; } };
struct And { template <class T> __device__ static T of(T a, T b) { return a & b; } };

// CUDA's abs is ambiguous for unsigned numbers
template <class T> __device__ T abs_of(T x) { return x < T(0) ? T(-x) : x; }
__device__ inline float abs_of(float x) { return fabsf(x); }
__device__ inline double abs_of(double x) { return fabs(x); }
template <class T> __device__ T sign_of(T x) {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x;  // of -0 it is 0, of NaN it is NaN
}
template <class T> __device__ T log_add_exp(T a, T b) {
    return a == b ? a + log(T(2)) : Maximum::of(a, b) + log1p(exp(-abs_of(a - b)));
}
template <class T> __device__ T sigmoid(T x) {
    T z = exp(-abs_of(x));
    return (x >= T(0) ? T(1) : z) / (T(1) + z);
}
__device__ inline float sigmoid_backward(float grad, float y) {
    return grad * Maximum::of(y * (1 - y), 1.17549435e-38f);
}
__device__ inline double sigmoid_backward(double grad, double y) {
    return grad * Maximum::of(y * (1 - y), 2.2250738585072014e-308);
}

// Combines x over the lanes that share a kept index; every lane gets the result, always the same.
template <class Op, int LANES, int STRIDE, class T>
__device__ T over_lanes(T x, void* memory, int lane) {
    T* shared = static_cast<T*>(memory);
    const int at = threadIdx.x;
    if (LANES == 1) return x;
    shared[at] = x;
    __syncthreads();
    for (int step = LANES / 2; step > 0; step /= 2) {
        if (lane < step) shared[at] = Op::of(shared[at], shared[at + step * STRIDE]);
        __syncthreads();
    }
    const T total = shared[at - lane * STRIDE];
    __syncthreads();
    return total;
}
"""

COMBINE = {  # how a reduction combines two partial results
    "sum": "Add", "prod": "Multiply", "max": "Maximum", "min": "Minimum", "any": "Or", "all": "And",
}  # fmt: skip


def c_type(dtype: Any) -> str:
    """Return the C++ type of a dtype. Raises KeyError if a kernel cannot compute with it."""
    return C_TYPES[str(dtype)]


def literal(number: Any, dtype: Any) -> str:
    """Return a number as C++ text of a dtype, exactly as NumPy would round it.

    >>> literal(0.1, "float32"), literal(-0.0, "float64"), literal(float("inf"), "float32")
    ('0.1f', '(-0.0)', '(__int_as_float(0x7f800000))')
    """
    kind = np.dtype(dtype).kind
    if kind == "b":
        return "true" if number else "false"
    if kind in "iu":
        return f"(({c_type(dtype)}){_integer(int(number))})"
    if str(dtype) == "float16":
        return f"Half({literal(np.float16(number), 'float32')})"
    with np.errstate(over="ignore"):
        value = np.dtype(dtype).type(number)
    if not isfinite(value):
        text = _SPECIAL[str(dtype)][isnan(value)]
        return f"(-{text})" if value < 0 else f"({text})"
    text = str(abs(value)) + ("f" if str(dtype) == "float32" else "")
    return f"(-{text})" if np.signbit(value) else text


_SPECIAL = {  # infinity and NaN, by their bits: there are no headers here
    "float32": ("__int_as_float(0x7f800000)", "__int_as_float(0x7fc00000)"),
    "float64": (
        "__longlong_as_double(0x7ff0000000000000ll)", "__longlong_as_double(0x7ff8000000000000ll)",
    ),
}  # fmt: skip


def _integer(number: int) -> str:
    if number == -(2**63):
        return f"(-{2**63 - 1}ll - 1)"  # C++ has no literal for it
    return f"{number}ull" if number >= 2**63 else f"({number}ll)" if number < 0 else f"{number}ll"


def template(op: str, numbers: Sequence[Any], result: Any, operand: Any) -> tuple[str, Any] | None:
    """Return an operation's text, with {0}, {1} … for operands, and the dtype that they take on.

    `result` is the dtype of the result, `operand` what the operands' dtypes promote to; `numbers`
    holds the operands that are plain numbers, None elsewhere. None if the operation has no text.
    """
    kind, out_kind = np.dtype(operand).kind, np.dtype(result).kind
    tables = [
        (_ARITHMETIC, result, out_kind in "iuf"),
        (_FLOATING, result, out_kind == "f"),
        (_COMPARISONS, operand, str(operand) in C_TYPES),
        (_TESTS, operand, kind == "f"),
        (_LOGIC, "bool", out_kind == "b"),
    ]
    for table, dtype, fits in tables:
        if op in table and fits:
            return _power(op, numbers) or table[op], np.dtype(dtype)
    return None


def _power(op: str, numbers: Sequence[Any]) -> str | None:
    return _POWERS.get(numbers[1]) if op == "pow" and len(numbers) == 2 else None
