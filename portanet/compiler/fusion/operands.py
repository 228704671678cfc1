"""Operands, dtypes and dependencies of operations, for every kernel language."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.operations import REDUCERS

# tuples: a union of types would be made anew for each argument of each operation
_OPERANDS = (Value, HostScalar, int, float)
_NUMBERS = (int, np.generic)


def operands(node: Node) -> list[Any]:
    """Return the arguments that are numbers: Values, HostScalars, plain numbers."""
    return [arg for arg in node.args if isinstance(arg, _OPERANDS)]


def promoted(node: Node) -> np.dtype:
    """Return the dtype that an operation's operands promote to; plain numbers are weak."""
    kinds = tuple(map(_kind, operands(node)))
    for kind in kinds:
        if isinstance(kind, _NUMBERS):  # 1 and 1.0 would be one key
            return np.result_type(*kinds)
    return _promoted(kinds)


def identity(op: str, dtype: Any) -> float:
    """Return the identity element of a reduction.

    >>> identity("sum", "float32"), identity("max", "float32"), identity("min", "int8")
    (0, -inf, 127)
    """
    if op in ("sum", "prod", "any", "all"):
        return int(op in ("prod", "all"))
    kind = np.dtype(dtype).kind
    if kind == "f":
        return -np.inf if op == "max" else np.inf
    if kind == "b":
        return op == "min"
    return np.iinfo(dtype).min if op == "max" else np.iinfo(dtype).max


def levels(nodes: Sequence[Node]) -> dict[int, int]:
    """Return the depth of each value in reductions, by its id: how many it depends on in a row."""
    level: dict[int, int] = {}
    for node in nodes:
        waits = max([level.get(id(v.root), 0) for v in node.inputs], default=0)
        level[id(node.output)] = waits + (node.op in REDUCERS)
    return level


def _kind(arg: Any) -> Any:
    if isinstance(arg, Value):
        return arg.dtype
    return 1.0 if isinstance(arg, HostScalar) or type(arg) is float else arg


@cache
def _promoted(kinds: tuple[Any, ...]) -> np.dtype:
    return np.result_type(*kinds)
