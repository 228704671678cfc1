"""Clocks: the times of a step, of its lines, of the readable step, and of the products alone."""

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

from portanet.backends import Backend
from portanet.checks import skip_value_checks
from portanet.compiler.engines.base import Plan
from portanet.compiler.memory.strides import laid_out
from portanet.compiler.profiling.rows import Line
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.step import CompiledStep
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.typing import Array

_LEAST, _MOST, _NANOSECONDS = 5, 200, 10**9  # repeats, unless told otherwise


class Clocks:
    """Takes all times in turn, so that what disturbs the machine disturbs them alike."""

    def __init__(
        self, step: CompiledStep, planned: CheckedPlan, lines: list[Line], x: Array, y: Array,
        twin: tuple[Sequential, Optimizer],
    ) -> None:  # fmt: skip
        self._step, self._planned, self._x, self._y = step, planned, x, y
        self._backend = step.model.backend
        self._twin, self._products = twin, products_of(planned.plan, self._backend)
        self._pass = _pass_over(lines, self._backend)
        self.of_step: list[float] = []
        self.readable: list[float] = []
        self.of_products: list[float] = []
        self.of_lines: list[list[float]] = []

    def run(self, repeats: int | None) -> int:
        """Take the times; return how often. The first ones warm up and are thrown away."""
        start, n = perf_counter_ns(), 0
        self._once()
        for times in (self.of_step, self.readable, self.of_products, self.of_lines):
            times.clear()
        while n < (repeats or _MOST):
            self._once()
            n += 1
            if repeats is None and n >= _LEAST and perf_counter_ns() - start > _NANOSECONDS:
                break
        return n

    def _once(self) -> None:
        # the readable step has assigned attributes, which the next compiled one looks at, once
        self._step(self._x, self._y)
        self.of_step.append(self._timed(lambda: self._step(self._x, self._y)))
        self.of_lines.append(self._pass() if self._pass else self.of_step[-1:])
        self.readable.append(self._timed(self._as_written))
        if self._products:
            self.of_products.append(self._timed(lambda: [f() for f in self._products]))

    def _as_written(self) -> Array:
        model, optimizer = self._twin
        with skip_value_checks():
            losses = model.criterion.forward(
                model.forward(self._x, training=True), self._y, training=True
            )
        model.backward()
        optimizer.step()
        return losses

    def _timed(self, call: Callable[[], Any]) -> float:
        """Return microseconds until the device is done."""
        self._backend.synchronize()
        start = perf_counter_ns()
        result = call()
        self._backend.synchronize()
        if hasattr(result, "block_until_ready"):  # JAX: a step's results are ready together
            result.block_until_ready()
        return (perf_counter_ns() - start) / 1e3


def _pass_over(lines: Sequence[Line], backend: Backend) -> Callable[[], list[float]] | None:
    """Return what makes all calls once and returns their microseconds; None for one whole call.

    What a call of nothing takes is taken off each.
    """
    runs = [line.run for line in lines if line.run is not None]
    if len(runs) < len(lines):
        return None

    def run() -> list[float]:
        looking, *took = (_nanoseconds(call, backend) for call in (int, *runs))
        return [max(t - looking, 0) / 1e3 for t in took]

    return run


def _nanoseconds(call: Callable[[], Any], backend: Backend) -> int:
    start = perf_counter_ns()
    call()
    backend.synchronize()
    return perf_counter_ns() - start


def products_of(plan: Plan, backend: Backend) -> list[Callable[[], Any]]:
    """Return calls of the library's `matmul` for each product, on arrays like those of the plan.

    They hold ones: what another value has left in the plan's memory may be read as numbers too
    small for hardware to be quick with. There are no calls where a plan is one call (JAX).
    """
    if plan.layout is None:
        return []
    xp, calls = backend.xp, []
    for node in (node for node in plan.graph.nodes if node.op == "matmul"):
        values = (*node.inputs, node.output)
        a, b, out = (laid_out(xp.ones((v.size,), dtype=v.dtype), v) for v in values)
        calls.append(lambda a=a, b=b, out=out: xp.matmul(a, b, out=out))
    return calls
