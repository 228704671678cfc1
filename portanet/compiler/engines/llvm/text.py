"""Single operations as text of the kernel language (backends/_llvm)."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from portanet.compiler.engines.llvm.arguments import MEMORY
from portanet.compiler.fusion.operands import operands, promoted
from portanet.compiler.graph.graph import Node
from portanet.compiler.graph.operations import REDUCERS

TextOf = Callable[[Node], tuple[str, list[Any]] | None]

_MATH = ("exp", "expm1", "log", "log1p", "tanh")
_LIBRARY = ("sin", "cos", "tan", "sinh", "cosh", "atan", "asin", "acos")
_ROUNDED = ("floor", "ceil", "trunc")
_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_COMPARISONS = {
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=",
}  # fmt: skip
_LOGIC = {
    "logical_and": "&", "logical_or": "|", "logical_xor": "!=", "bitwise_and": "&",
    "bitwise_or": "|", "bitwise_xor": "!=",
}  # fmt: skip
_FUNCTION = re.compile(r"32\(|c_")
_WHOLE = {"add": "+", "subtract": "-", "multiply": "*"}


def has_text(node: Node) -> bool:
    """Return whether an operation can be written in the kernel language."""
    if len(node.outputs) != 1 or node.output.size == 0:
        return False
    for value in (*node.inputs, node.output):
        if value.dtype not in MEMORY:
            return False
    if node.op in REDUCERS:
        floats = node.args[0].dtype == node.output.dtype or node.op in ("any", "all")
        return floats and set(node.options) <= {"axis", "keepdims"} and len(node.args) == 1
    if node.op == "astype":
        return len(node.args) == 2 and not set(node.options) - {"copy"}
    return not node.options and text_of(node) is not None


def text_of(node: Node) -> tuple[str, list[Any]] | None:
    """Return an operation's text, and the dtype that each operand takes on; None without text."""
    dtype, op, args = node.output.dtype, node.op, operands(node)
    if op == "where":
        return "({1} if {0} else {2})", [np.dtype("bool"), dtype, dtype]
    if op == "astype":
        return "{0}", [dtype]
    of_args = promoted(node) if args else dtype
    text = None
    if of_args.kind == "f":
        text = _float_text(op, of_args, args)
    elif of_args.kind == "b":
        text = _truth_text(op)
    elif of_args.kind == "i":
        text = _integer_text(op)
    return None if text is None else (text, [of_args] * len(args))


def takes_long(text: str) -> bool:
    """Return whether a text calls a function, such as exp.

    >>> takes_long("exp32(x)"), takes_long("c_pow(x, y)"), takes_long("maximum(x, f4(0.0))")
    (True, True, False)
    """
    return _FUNCTION.search(text) is not None


def _float_text(op: str, dtype: Any, args: list[Any]) -> str | None:
    single = dtype == "float32"
    if op in _SIGNS:
        return f"({{0}} {_SIGNS[op]} {{1}})"
    if op in _COMPARISONS:
        return f"({{0}} {_COMPARISONS[op]} {{1}})"
    if op in _MATH:
        suffix = {"expm1": "_32", "log1p": "_32"}.get(op, "32")
        return f"{op}{suffix}({{0}})" if single else f"c_{op}({{0}})"
    if op in ("erf", "kernel:erf"):
        return "erf32({0})" if single else "c_erf({0})"
    if op in _LIBRARY:
        return f"c_{op}({{0}})"
    if op in _ROUNDED:
        return f"{op}({{0}})"
    if op == "pow":
        exponent = args[1] if isinstance(args[1], int | float) else None
        return {2: "({0} * {0})", 0.5: "sqrt({0})", 1: "{0}"}.get(exponent, "c_pow({0}, {1})")
    return {
        "negative": "(-{0})", "positive": "{0}", "abs": "abs({0})", "sqrt": "sqrt({0})",
        "square": "({0} * {0})", "maximum": "maximum({0}, {1})", "minimum": "minimum({0}, {1})",
        "isnan": "({0} != {0})", "isfinite": "({0} - {0} == 0)",
    }.get(op)  # fmt: skip


def _truth_text(op: str) -> str | None:
    if op in ("logical_not", "bitwise_invert"):
        return "(not {0})"
    return f"({{0}} {_LOGIC[op]} {{1}})" if op in _LOGIC else None


def _integer_text(op: str) -> str | None:
    sign = _WHOLE.get(op) or _COMPARISONS.get(op)
    return f"({{0}} {sign} {{1}})" if sign else None


def cast(text: str, source: Any, target: Any) -> str:
    """Return text that turns a number of one dtype into another."""
    if source == target:
        return text
    return f"({text} != 0)" if target == "bool" else f"{MEMORY[np.dtype(target)]}({text})"


def combined(op: str, total: str, text: str, dtype: Any) -> str:
    """Return the text that combines a partial result with an element."""
    floats = np.dtype(dtype).kind == "f"
    if op == "sum":
        return f"add({total}, {text})" if floats else f"{total} + {text}"
    form = {"prod": "{0} * {1}", "any": "{0} | {1}", "all": "{0} & {1}"}
    if op in form:
        return form[op].format(total, text)
    if np.dtype(dtype).kind == "b":
        return f"{total} {'|' if op == 'max' else '&'} {text}"
    words = {"max": "maximum", "min": "minimum"} if floats else {"max": "larger", "min": "smaller"}
    return f"{words[op]}({total}, {text})"
