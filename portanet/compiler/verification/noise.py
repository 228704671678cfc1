"""NoisyTape: computes in float64 as if every operation were rounded to a network's own dtype.

The readable code runs under it as under a tape that traces, but nothing is written down: each
floating-point result is multiplied by 1 + u, u drawn from [-eps, eps]. How far some such runs are
from one without noise says how far any order of rounded operations may be from the true result:
number by number, cancellation and ill-conditioned layers included.

Source: Parker, "Monte Carlo arithmetic", 1997.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from portanet.backends import get
from portanet.compiler.graph.graph import value_like
from portanet.compiler.graph.operations import REDUCTIONS
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer

# They move numbers or choose among them, and round nothing.
_EXACT = {
    "abs", "astype", "asarray", "broadcast_to", "concat", "concatenate", "copy", "expand_dims",
    "flip", "full_like", "getitem", "matrix_transpose", "max", "maximum", "min", "minimum",
    "moveaxis", "negative", "permute_dims", "positive", "ravel", "repeat", "reshape", "roll",
    "sign", "squeeze", "stack", "swapaxes", "take", "take_along_axis", "tile", "transpose",
    "tril", "triu", "unstack", "where", "zeros_like", "ones_like",
}  # fmt: skip


class NoisyTape(Tape):
    """Runs code on the host in float64; `epsilon` is the noise, 0 for none."""

    def __init__(self, epsilon: float, seed: int) -> None:
        backend = get("numpy")
        super().__init__(backend, lambda a, b: False)  # noqa: ARG005 - nothing is laid out
        self._epsilon = epsilon
        self._rng = np.random.default_rng(seed)
        self.draws: list[Any] = []  # what from_host gives, in order

    @property
    def may_fetch(self) -> bool:
        """Whether numbers may be taken out of arrays: this is a run as it is written."""
        return True

    def enter(self, array: Any) -> Tracer:
        """Return a tracer of an array, floats as float64."""
        array = np.asarray(array, np.float64) if array.dtype.kind == "f" else array
        return self._kind(value_like("node", array), array, self)

    def leaf(self, kind: str, array: Any, name: str = "") -> Tracer:  # noqa: ARG002
        """Return a tracer of an array from outside, such as one that was drawn."""
        return self.enter(array)

    def record_draw(self, draw: Callable[[], Any]) -> Tracer:  # noqa: ARG002
        """Return what the step has drawn."""
        return self.enter(np.asarray(self.draws.pop(0)))

    def tracer_of(self, x: Any) -> Tracer:
        """Return a tracer as it is; of any other array a tracer that is exact."""
        if isinstance(x, Tracer):
            return x
        array = np.asarray(x)
        return self._kind(value_like("node", array), array, self)

    def record(self, op: str, function: Callable[..., Any], args: Any, options: Any) -> Any:
        """Call a function on the arrays, and round what it gives."""
        args, options = _concrete(args), _concrete(options)
        if self.closed:
            return function(*args, **options)
        result = function(*args, **options)
        if op.removeprefix("method:") in _EXACT or not self._epsilon:
            return self._wrapped(result, self.tracer_of)
        scale = self._epsilon * _terms(op.removeprefix("method:"), args)
        return self._wrapped(result, lambda array: self.tracer_of(self._rounded(array, scale)))

    def _rounded(self, array: np.ndarray, scale: float) -> np.ndarray:
        if array.dtype.kind != "f":
            return array
        noise = self._rng.uniform(-scale, scale, array.shape)
        return np.asarray(array * (1 + noise))


def _terms(op: str, args: Any) -> float:
    """Return how many units a sum of n terms, added one after the other, is off by: some sqrt(n)/8.

    Products of matrices are sums, too. All else is off by one.
    """
    n = 1.0
    if op in REDUCTIONS and args and isinstance(args[0], np.ndarray):
        n = args[0].size
    elif op == "matmul":
        n = args[0].shape[-1]
    return max(1.0, sqrt(n) / 8)


def _concrete(item: Any) -> Any:
    if isinstance(item, Tracer):
        return item.array
    if isinstance(item, list | tuple):
        return type(item)(map(_concrete, item))
    if isinstance(item, dict):
        return {key: _concrete(part) for key, part in item.items()}
    return item
