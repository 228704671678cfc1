"""How an operation is called in NumPy with an output array."""

from inspect import unwrap
from math import copysign
from typing import Any

import numpy as np

from portanet.compiler.fusion.indexing import contiguous
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.operations import BINARY, UNARY

_UFUNCS = {
    "abs": np.absolute, "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin,
    "asinh": np.arcsinh, "atan": np.arctan, "atanh": np.arctanh, "atan2": np.arctan2,
    "bitwise_invert": np.invert, "bitwise_left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift, "conj": np.conjugate, "pow": np.power,
}  # fmt: skip
_REDUCERS = {
    "sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum,
    "any": np.logical_or, "all": np.logical_and,
}  # fmt: skip
# NumPy's operator ** calls other ufuncs for these exponents; np.power does not
_POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}

# NumPy's public functions first dispatch, in Python, on the types of their arguments. The functions
# that they wrap are in C throughout, as `call_all` needs, and a tenth of a µs faster.
COPYTO, CONCATENATE = unwrap(np.copyto), unwrap(np.concatenate)


def form_of(node: Node) -> str:
    """Return the form of an operation's call: "ufunc", "where" …, or "call" for other functions.

    All forms but "call" are C functions with an output argument.
    """
    op, options = node.op, node.options
    if (op in UNARY or op in BINARY) and ufunc_of(node) is not None:
        return "ufunc"
    if op == "where" and len(node.args) == 3:
        return "where"
    if op == "reshape" and len(node.args) == 2 and not options and contiguous(node.output):
        return "reshape"
    if op == "concat" and isinstance(node.args[0], list | tuple):
        return "concat"
    if op in _REDUCERS and len(node.args) == 1 and set(options) <= {"axis", "keepdims"}:
        return "reduction"
    return op if op in ("astype", "matmul") else "call"


def runs_in_c(node: Node) -> bool:
    """Return whether an operation runs without Python bytecode."""
    exact = all(_is_exact(value.root) for value in node.inputs)
    return exact and form_of(node) != "call"


def ufunc_of(node: Node) -> np.ufunc | None:
    """Return the ufunc of an element-wise operation; None if there is none."""
    if node.op == "pow" and _exponent(node) in _POWERS:
        return _POWERS[_exponent(node)]
    function = _UFUNCS.get(node.op, getattr(np, node.op, None))
    return function if isinstance(function, np.ufunc) and not node.options else None


def reducer_of(node: Node) -> Any:
    """Return the ufunc method of a reduction, such as np.add.reduce."""
    return _REDUCERS[node.op].reduce


def float_dtype(node: Node | None) -> np.dtype:
    """Return the dtype that a Python float is converted to in an operation."""
    values = [] if node is None else node.inputs
    floats = [v.dtype for v in values if v.dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype("float64")


def is_zero(x: Any) -> bool:
    """Return whether x is the number 0, and not -0."""
    return isinstance(x, int | float) and x == 0 and copysign(1, x) > 0


def takes_one(node: Node) -> bool:
    """Return whether NumPy's operator ** calls a unary ufunc: x ** 2 is square(x)."""
    return node.op == "pow" and _exponent(node) in _POWERS


def _exponent(node: Node) -> Any:
    exponent = node.args[1] if len(node.args) > 1 else None
    by_operator = getattr(node.function, "__name__", "") == "pow"
    return exponent if by_operator and isinstance(exponent, int | float) else None


def _is_exact(value: Value) -> bool:
    """Return whether an array is a plain np.ndarray of numbers: subclasses may run Python code."""
    subclass = value.kind == "constant" and type(value.array) is not np.ndarray
    return not subclass and value.dtype.kind in "biufc"
