"""CompiledStep: a training step that is traced once, verified, and then replayed.

    TRACE    the first step with batches of a shape is traced: that computes what the step computes
    VERIFY   the second is taken by the plan and by the readable code, and the two are compared
    REPLAY   from then on the plan is replayed, and verified again at steps 4, 8, 16 …
    REFUSED  what cannot be compiled runs as it is written; one warning says why

Before each step the guards say whether what the plans have taken for granted still holds. Where it
does not, the plans are dropped and the step is traced anew.
"""

from functools import partial
from threading import RLock
from typing import Any

from portanet.checks import skips_value_checks
from portanet.compiler.engines.base import Engine
from portanet.compiler.engines.registry import engine_for
from portanet.compiler.epoch_steps import EpochSteps
from portanet.compiler.errors import UnsettledError
from portanet.compiler.options import Fast, check_fast
from portanet.compiler.plans import Key, Plans
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.compiler.runtime.readable_step import take_step
from portanet.compiler.runtime.refusal import warn_uncompiled
from portanet.compiler.runtime.together import has_rows, same_on_all_ranks
from portanet.compiler.tracing.trace import Trace, trace_step
from portanet.compiler.verification.step_check import StepCheck
from portanet.data.lazy_batch import kind_of_batch
from portanet.errors import OrderError
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.several import Arrays, parts_of
from portanet.typing import Array
from portanet.versioned import LATEST


class CompiledStep(EpochSteps):
    """Forward, loss, backward, update: `step(x, y)` returns the losses, shape (N,).

    It trains `model` as `Trainer.step` does: unfused plans give the same bits, fused ones differ
    by rounding. What is read of the model is a copy, so it never changes later.

    `fuse=False` replays the readable step's operations one by one. `fast` says whether LLVM
    compiles the step (None: where llvmlite is installed, from the step on at which that has paid,
    by a rule over the step's operations); with "same bits" it compiles what gives NumPy's bits, and
    nothing else, once that has paid for all such steps of the process. `mkl=True` gives products to
    Intel's MKL. `refused` says why steps run uncompiled, `retraced` which guard was broken when
    plans were last dropped, `n_to_come` how many steps are expected to follow ("same bits" counts
    them). A copy, or one that was pickled, makes plans of its own.

    Raises OrderError if a second thread calls it while a step is being taken.
    """

    def __init__(
        self, model: Sequential, optimizer: Optimizer, *, fuse: bool = True,
        fast: Fast = None, mkl: bool = False,
    ) -> None:  # fmt: skip
        self._model, self._optimizer = model, optimizer
        self.refused: str | None = None
        check_fast("compile_step", fast)
        self._options = {"fuse": fuse, "fast": fast, "mkl": mkl}
        self._start()

    def _start(self) -> None:
        self._lock, self.epoch_loss, self.n_to_come = RLock(), EpochLoss(self.model), 0
        self.plans = Plans(self.model, self.optimizer, self.epoch_loss)
        self._known: set[Any] = set()  # kinds of batches that a step as it is written has looked at
        self._unsettled = False

    @property
    def retraced(self) -> str:
        """Which guard was broken when plans were last dropped, with its old and new value."""
        return self.plans.retraced

    def __call__(self, x: Arrays, y: Arrays) -> Array:
        """Take a step with a batch; return the losses, shape (N,), on the device."""
        if not self._lock.acquire(False):  # by keyword it takes twice as long
            raise OrderError("compile_step: another thread is in this step; take steps in turn")
        try:
            key = self._key(kind_of_batch(x, y))
            planned = self.plans.find(key)
            if planned is None:
                return self._first_step(key, x, y)
            if not skips_value_checks():
                planned.values.check(x, y)
            if not planned.until_event:
                return self._event(planned, x, y)
            version = LATEST[0]
            planned.plan.load(x, y)
            planned.replay()
            self.plans.count(planned, version)
            return planned.plan.losses()
        finally:
            self._lock.release()

    def plan_for(self, x: Arrays, y: Arrays) -> CheckedPlan | None:
        """Return the plan that the next step with a batch like this is replayed by, if any is."""
        planned = self.plans.find(self._key(kind_of_batch(x, y)))
        return planned if planned is not None and planned.until_event else None

    def _event(self, planned: CheckedPlan, x: Arrays, y: Arrays) -> Array:
        """Take a step at which a plan is verified, or a faster one looked for."""
        planned.look_for_faster(self.n_to_come)
        version = LATEST[0]
        if not planned.is_due():
            planned.plan.load(x, y)
            planned.replay()
            self.plans.count(planned, version)
            planned.plan_ahead()
            return planned.plan.losses()
        exact = planned.exact or not self._options["fuse"]
        check = StepCheck(self.model, self.optimizer, planned, exact=exact)
        losses = planned.engine.beside(planned.plan, partial(check.run, x, y))
        if check.why is None:
            planned.accept()
            self.plans.count(planned, version)
            self.plans.look_again()
            return losses
        self._add_up(losses, y)
        if not planned.revert(f"{check.why}{planned.doubt()}"):
            self._refuse(f"verification failed: {check.why}{planned.doubt()}")
        return losses

    def _first_step(self, key: Key, x: Arrays, y: Arrays) -> Array:
        """Take a step as it is written, and make a plan for others like it, if there can be one."""
        look = type(parts_of(x)[0]), key
        looked_at = skips_value_checks() or look in self._known
        engine = None
        if self.refused is None and looked_at and has_rows():
            engine = engine_for(self.model.backend, **self._options)
        if engine is None:
            losses = self._readable(x, y)
            self._known.add(look)
            return losses
        why, trace = self.plans.why_not(), None
        if why is None:
            try:
                trace = trace_step(self.model, self.optimizer, x, y, engine.same_memory)
            except UnsettledError as error:
                why, self._unsettled = str(error) if self._unsettled else None, True
            except Exception as error:  # noqa: BLE001 - the readable step decides what is an error
                why = str(error) or type(error).__name__
        trace, why = same_on_all_ranks(trace, why)
        if trace is not None:
            engine.agree(trace.tape.graph)
        if trace is not None and self.plans.rounds_otherwise(trace, engine):
            return self._first_replay(key, trace, engine, x, y)
        losses = self._readable(x, y)  # what is wrong with the step itself is raised here
        if trace is not None:
            self._unsettled = False
            why = self.plans.add(key, trace, engine)
        if why is not None:
            self._refuse(why)
        return losses

    def _first_replay(self, key: Key, trace: Trace, engine: Engine, x: Arrays, y: Arrays) -> Array:
        """Make a plan, and let it take this step beside the readable one."""
        why, self._unsettled = self.plans.add(key, trace, engine), False
        planned = self.plans.find(key)
        if planned is None or why is not None:
            losses = self._readable(x, y)
            if why is not None:
                self._refuse(why)
            return losses
        losses = self._event(planned, x, y)
        planned.start_over()
        return losses

    def _readable(self, x: Arrays, y: Arrays) -> Array:
        """Take a step as it is written."""
        losses = take_step(self.model, self.optimizer, x, y)
        self.plans.pass_by()
        self._add_up(losses, y)
        return losses

    def _add_up(self, losses: Array, y: Arrays) -> None:
        self.epoch_loss.add(losses, y)
        self.epoch_loss.hand_over(self.plans.memory)

    def _refuse(self, why: str) -> None:
        self.refused = why
        self.plans.drop(why)
        warn_uncompiled(type(self.model).__name__, why)
