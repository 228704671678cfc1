"""Clocks: the times of a step, of its lines, of the readable step, and of the products alone."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

from portanet.backends import Backend
from portanet.checks import skip_value_checks
from portanet.compiler.profiling.rows import Line
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.step import CompiledStep
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
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
        self._pass = _pass_over(planned.plan, lines, self._backend)
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


def _pass_over(
    plan: Any, lines: Sequence[Line], backend: Backend
) -> Callable[[], list[float]] | None:
    """Return what runs all lines once and returns their microseconds; None for one whole call."""
    if hasattr(plan, "lines"):
        return _text_pass(plan, lines)
    return _call_pass(lines, backend) if hasattr(plan, "units") else None


def _text_pass(plan: Any, lines: Sequence[Line]) -> Callable[[], list[float]]:
    """Return the plan's text with a look at the clock after each line, as one function.

    The first two looks have nothing between them: what they take is taken off every line.
    """
    looks = "".join(f"    {line.do}\n    look(clock())\n" for line in lines)
    text = f"def timed(clock, look):\n    look(clock())\n    look(clock())\n{looks}"
    names = dict(plan.writer.names)
    exec(compile(text, "<portanet profile>", "exec"), names)
    timed = names["timed"]

    def run() -> list[float]:
        looked: list[int] = []
        timed(perf_counter_ns, looked.append)
        looking, *took = (b - a for a, b in pairwise(looked))
        return [max(t - looking, 0) / 1e3 for t in took]

    return run


def _call_pass(lines: Sequence[Line], backend: Backend) -> Callable[[], list[float]]:
    def run() -> list[float]:
        times = []
        for line in lines:
            assert callable(line.do)
            start = perf_counter_ns()
            line.do()
            backend.synchronize()
            times.append((perf_counter_ns() - start) / 1e3)
        return times

    return run


def products_of(plan: Any, backend: Backend) -> list[Callable[[], Any]]:
    """Return calls of the library's `matmul` for each product, on arrays like those of the plan.

    They hold ones: what another value has left in the plan's memory may be read as numbers too
    small for hardware to be quick with. There are no calls where a plan is one call (JAX).
    """
    if not hasattr(plan, "units"):
        return []
    xp, calls = backend.xp, []
    for node in (node for node in plan.graph.nodes if node.op == "matmul"):
        a, b, out = (xp.empty_like(plan.find(v)) for v in (*node.inputs, node.output))
        a[...] = b[...] = 1
        calls.append(lambda a=a, b=b, out=out: xp.matmul(a, b, out=out))
    return calls
