"""NoisyTape: computes in float64 as if every operation were rounded to a network's own dtype.

The readable code runs under it as under a tape that traces, but nothing is written down: each
floating-point result is multiplied by 1 + u, u drawn from [-eps, eps], and sums are off by as much
of their partial sums; eps is that of half precision while a pass computes in it. How far some such
runs are from one without noise says how far any order of rounded operations may be from the true
result: number by number, cancellation and ill-conditioned layers included.

Source: Parker, "Monte Carlo arithmetic", 1997.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from portanet.backends import get
from portanet.compiler.graph.graph import value_like
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.dispatch import on_host
from portanet.half import epsilon_at_work

# They move numbers or choose among them, and round nothing.
_EXACT = {
    "abs", "astype", "asarray", "broadcast_to", "concat", "concatenate", "copy", "expand_dims",
    "flip", "full_like", "getitem", "matrix_transpose", "max", "maximum", "min", "minimum",
    "moveaxis", "negative", "permute_dims", "positive", "ravel", "repeat", "reshape", "roll",
    "sign", "squeeze", "stack", "swapaxes", "take", "take_along_axis", "tile", "transpose",
    "tril", "triu", "unstack", "where", "zeros_like", "ones_like",
}  # fmt: skip

_N_NUMBERS = (
    2**16
)  # of noise: each array has them from another place on, which is as good as new ones


class NoisyTape(Tape):
    """Runs code on the host in float64; `epsilon` is the noise, 0 for none."""

    def __init__(self, epsilon: float, seed: int) -> None:
        backend = get("numpy")
        super().__init__(backend, lambda a, b: False)  # noqa: ARG005 - nothing is laid out
        self._epsilon = epsilon
        self._rng = np.random.default_rng(seed)
        noise = self._rng.uniform(-epsilon, epsilon, _N_NUMBERS)
        self._noise = np.concatenate([noise, noise])
        self.draws: list[Any] = []  # what the step has drawn, in order

    @property
    def may_fetch(self) -> bool:
        """Whether numbers may be taken out of arrays: this is a run as it is written."""
        return True

    @property
    def is_noisy(self) -> bool:
        """Whether results are rounded."""
        return self._epsilon > 0

    def enter(self, array: Any) -> Tracer:
        """Return a tracer of an array, floats as float64."""
        array = in_float64(array)
        return self._kind(value_like("node", array), array, self)

    def leaf(self, kind: str, array: Any, name: str = "") -> Tracer:  # noqa: ARG002
        """Return a tracer of an array from outside, such as one that was drawn."""
        return self.enter(array)

    def record_draw(self, draw: Callable[[], Any], function: Any, args: Any) -> Tracer:  # noqa: ARG002
        """Return what the step has drawn, or computed from it."""
        return self.enter(np.asarray(on_host(self.draws.pop(0), function, args)))

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
        result, name = function(*args, **options), op.removeprefix("method:")
        if name in _EXACT or name.startswith("kernel:max_pool") or not self._epsilon:
            return self._wrapped(result, self.tracer_of)
        size = _size_of_sum(name, function, args, options, result)
        return self._wrapped(result, lambda array: self.tracer_of(self._rounded(array, size)))

    def _rounded(self, array: np.ndarray, size: np.ndarray | None) -> np.ndarray:
        if array.dtype.kind != "f":
            return array
        size = np.abs(array) if size is None else size
        start = self._rng.integers(_N_NUMBERS)
        noise = self._noise[start : start + min(array.size, _N_NUMBERS)]
        noise = (
            np.resize(noise, array.shape) if array.size > _N_NUMBERS else noise.reshape(array.shape)
        )
        coarser = max(1.0, epsilon_at_work() / self._epsilon)  # in a pass in half precision
        rounded = noise * size if coarser == 1 else coarser * noise * size
        rounded += array
        finite = np.isfinite(rounded)  # of ±inf, as masks have it: NaN, where nothing is rounded
        return rounded if finite.all() else np.where(finite, rounded, array)


def in_float64(array: Any) -> np.ndarray:
    """Return an array of floating-point numbers as float64, any other as it is."""
    return np.asarray(array, np.float64) if array.dtype.kind == "f" else array


def _size_of_sum(
    name: str, function: Callable[..., Any], args: Any, options: Any, result: Any
) -> np.ndarray | None:
    """Return how large the partial sums of a sum or a product of matrices are, times sqrt(n) / 8.

    Added one after the other, n terms are off by some sqrt(n) units of their partial sums, which
    are as large as the root of the sum of squares where the terms cancel. None for what is no sum.
    """
    if name == "matmul":
        a, b = args
        size, n = np.asarray(np.matmul(a * a, b * b)), a.shape[-1]
        np.sqrt(size, out=size)
        size += np.abs(result)
    elif name in ("sum", "mean") and args and args[0].dtype.kind == "f":
        total = np.asarray(result)
        squares = np.asarray(function(args[0] * args[0], *args[1:], **options))
        n = args[0].size // max(total.size, 1)
        size = np.asarray(np.sqrt(squares if name == "sum" else squares / max(n, 1)))
        size += np.abs(total)
    else:
        return None
    size *= max(1.0, sqrt(n) / 8)
    return size


def _concrete(item: Any) -> Any:
    if isinstance(item, Tracer):
        return item.array
    if isinstance(item, list | tuple):
        return type(item)(map(_concrete, item))
    if isinstance(item, dict):
        return {key: _concrete(part) for key, part in item.items()}
    return item
