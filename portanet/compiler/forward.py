"""CompiledForward: a model's outputs for batches of some shapes, traced once and replayed.

A forward pass changes nothing, so there is nothing to put back: a plan reads the model's arrays
where they lie.
"""

from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np

from portanet.backends._llvm import machine
from portanet.checks import skips_value_checks
from portanet.compiler.engines.registry import engine_for
from portanet.compiler.errors import TraceError
from portanet.compiler.guards.guards import Guards, draw_counts
from portanet.compiler.runtime.refusal import warn_uncompiled
from portanet.compiler.traced_pass import holders_of, trace_pass
from portanet.compiler.tracing.layout import in_c_order
from portanet.compiler.tracing.passes import inputs_on
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.verification.forward_check import forward_difference
from portanet.data.values import copy_finite
from portanet.sequential import Sequential
from portanet.several import SEVERAL, Arrays, by_name, kind_of, map_parts, parts_of, put_back

MAX_PLANS = 8  # shapes of batches; the one that was not used for the longest time makes place


def compile_forward(model: Sequential, *, fast: bool | None = None) -> "CompiledForward":
    """Return a function of x that gives what model.forward(x) gives, faster, on NumPy.

    The first call with inputs of a shape is traced, and the plan's outputs are compared with the
    readable ones; all others are replayed. `fast` says whether LLVM compiles the plan (None: where
    llvmlite is installed). What the model has read is guarded as in compile_step, so the model may
    be trained, changed and loaded in between. On other backends, or where something cannot be
    compiled, calls run as they are written; one warning says why.

    >>> import numpy as np, portanet
    >>> from portanet import BCEWithLogits, Linear, ReLU, Sequential
    >>> portanet.seed(0)
    >>> model = Sequential([Linear(3, 4), ReLU(), Linear(4, 1)], BCEWithLogits())
    >>> forward, x = portanet.compile_forward(model), np.ones((2, 3), np.float32)
    >>> np.allclose(forward(x), model.forward(x)), np.allclose(forward(x), model.forward(x))
    (True, True)
    """
    return CompiledForward(model, fast=fast)


class CompiledForward:
    """See compile_forward. `refused` says why calls run as they are written.

    Several threads may call it: one replays, others compute as it is written meanwhile.
    """

    def __init__(self, model: Sequential, *, fast: bool | None = None) -> None:
        self.model, self.fast = model, machine.installed() if fast is None else fast
        self._start()

    def _start(self) -> None:
        self.refused: str | None = None
        self._lock = Lock()
        self._plans: OrderedDict[Any, Any] = OrderedDict()
        self._guards: Guards | None = None

    def __repr__(self) -> str:
        return f"CompiledForward({type(self.model).__name__})"

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "fast": self.fast}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def __call__(self, x: Arrays) -> Any:
        """Return the outputs for a batch."""
        one = type(x) is np.ndarray
        if self.refused is not None or not (one or _are_on_host(x)):
            return self.model.forward(x)
        if not self._lock.acquire(blocking=False):
            return self.model.forward(x)
        try:
            key = (x.shape, x.dtype) if one else kind_of(x)
            plan = self._plan(key)
            if plan is None:
                return self._first(key, x)
            if not one:
                return self._replayed(plan, x)
            if x.dtype.kind != "f" and not skips_value_checks():
                self.model.check_values(x)
            plan.inputs["x"][...] = x
            plan.replay()
            return plan.results["y_hat"].copy() if plan.form is None else _outputs(plan)
        finally:
            self._lock.release()

    def at_once(self, x: np.ndarray) -> Any:
        """Return the outputs for an array of floats if a plan replays them, else None.

        Raises DataError unless all numbers are finite: they are looked at while they are copied.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            plan = self._plan((x.shape, x.dtype))
            if plan is None:
                return None
            self.model.check_values(x)
            copy_finite("X", plan.inputs["x"], x)
            plan.replay()
            return _outputs(plan)
        finally:
            self._lock.release()

    def _replayed(self, plan: Any, x: Arrays) -> Any:
        """Return the outputs for several arrays."""
        if not skips_value_checks():
            if "own" in parts_of(self.model.kinds(x)):  # layers look at side inputs when they run
                return self.model.forward(x)
            self.model.check_values(x)
        for own, given in zip(plan.inputs.values(), parts_of(x), strict=True):
            own[...] = given
        plan.replay()
        return _outputs(plan)

    def _plan(self, key: Any) -> Any:
        """Return the plan for inputs of a kind, None if there is none that holds."""
        plan, guards = self._plans.get(key), self._guards
        if guards is None:
            return None
        held = all(holder.peek() is array for holder, array in self._held)
        if not held or not (guards.unchanged() or guards.broken() is None):
            self._plans.clear()
            return None
        if plan is not None and len(self._plans) > 1:
            self._plans.move_to_end(key)
        return plan

    def _first(self, key: Any, x: Arrays) -> Any:
        """Return the outputs as they are written, and make a plan for others like these."""
        y_hat = self.model.forward(x)
        engine: Any = engine_for(self.model.backend, fast=self.fast)
        if engine is None or not engine.reads:
            self.refused = f"backend {self.model.backend.name!r} computes as it is written"
            return y_hat
        try:
            plan, why = self._made(x, engine), None
            plan.form = map_parts(lambda _: None, y_hat) if isinstance(y_hat, SEVERAL) else None
            plan.replay()
            why = forward_difference(self.model, x, plan.results, by_name("y_hat", y_hat))
            why = None if why is None else f"verification failed: {why}"
        except Exception as error:  # noqa: BLE001 - the readable pass decides what is an error
            plan, why = None, str(error) or type(error).__name__
        if why is not None:
            self.refused = why
            warn_uncompiled(type(self.model).__name__, why, "call model.forward")
            return y_hat
        self._plans[key] = plan
        while len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return y_hat

    def _made(self, x: Arrays, engine: Any) -> Any:
        """Return the plan for inputs like x, which lie in it; or raise what keeps it from being."""
        self._held = holders_of(self.model)
        if any(in_c_order(array) is not array for _, array in self._held):
            raise TraceError("a parameter does not lie in C order")
        tape = Tape(self.model.backend, engine.same_memory)
        traced = inputs_on(tape, "x", x)
        trace_pass(
            self.model, tape, self._held, lambda: by_name("y_hat", self.model.forward(traced))
        )
        self._guards = Guards({"": self.model}, draw_counts(self.model))
        plan = engine.plan(tape.graph, tape.states)
        for own, given in zip(plan.inputs.values(), parts_of(x), strict=True):
            np.copyto(own, given)
        return plan


def _are_on_host(x: Arrays) -> bool:
    return isinstance(x, SEVERAL) and all(type(part) is np.ndarray for part in parts_of(x))


def _outputs(plan: Any) -> Any:
    """Return copies of a plan's outputs, in the form that the model gives them."""
    if plan.form is None:
        return plan.results["y_hat"].copy()
    return map_parts(np.copy, put_back("y_hat", plan.form, plan.results))
