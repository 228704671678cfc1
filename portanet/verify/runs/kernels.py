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
    drawn = case.args(draw.generator(case.name), draw.n or N)
    plain = replace(draw, special="")  # others depend on the first: the maxima of pooling
    args = [_entered(arg, plain if i else draw, where) for i, arg in enumerate(drawn)]
    function: Any = ACCELERABLE[case.name].plain
    if isinstance(where, OnBackend):
        function = where.backend.kernels[case.name]
    return {"value": where.host("value", function(*args))}


def _entered(arg: Any, draw: Draw, where: Where) -> Any:
    is_array = isinstance(arg, np.ndarray) and arg.dtype.kind != "u"  # a place in a stream
    return where.array(sprinkled(rounded(arg), draw)) if is_array else arg
