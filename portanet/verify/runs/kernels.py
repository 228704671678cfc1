"""A kernel at a place; under a tape, which has none, the plain definition."""

from dataclasses import replace
from typing import Any

import numpy as np

from portanet.dispatch import ACCELERABLE
from portanet.verify.catalogue.kernels import KernelCase
from portanet.verify.runs.inputs import Draw, rounded, sprinkled
from portanet.verify.runs.where import OnBackend, Where

N = 97


def run_kernel(case: KernelCase, draw: Draw, where: Where) -> dict[str, np.ndarray]:
    """Return the result of a kernel for arguments that are drawn, as "value"."""
    args = [_entered(arg, where) for arg in arguments(case, draw)]
    function: Any = ACCELERABLE[case.name].plain
    if isinstance(where, OnBackend):
        function = where.backend.kernels[case.name]
    return {"value": where.host("value", function(*args))}


def arguments(case: KernelCase, draw: Draw) -> list[Any]:
    """Return the arguments of a kernel for a draw, arrays on the host."""
    drawn = case.args(draw.generator(case.name), draw.n or N)
    plain = replace(draw, special="")  # others depend on the first: the maxima of pooling
    return [
        sprinkled(rounded(arg), plain if i else draw) if _is_data(arg) else arg
        for i, arg in enumerate(drawn)
    ]


def _entered(arg: Any, where: Where) -> Any:
    return where.array(arg) if _is_data(arg) else arg


def _is_data(arg: Any) -> bool:
    return isinstance(arg, np.ndarray) and arg.dtype.kind != "u"  # that is a place in a stream
