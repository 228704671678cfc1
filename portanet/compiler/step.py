"""CompiledStep: a training step that is traced once, verified, and then replayed.

    TRACE    the first step with batches of a shape is traced: that computes what the step computes
    VERIFY   the second is taken by the plan and by the readable code, and the two are compared
    REPLAY   from then on the plan is replayed, and verified again at steps 4, 8, 16 …
    REFUSED  what cannot be compiled runs as it is written; one warning says why

Before each step the guards say whether what the plans have taken for granted still holds. Where it
does not, the plans are dropped and the step is traced anew.
"""

from collections import OrderedDict
from threading import RLock
from typing import Any

from portanet.checks import skips_value_checks
from portanet.compiler.engines.registry import engine_for
from portanet.compiler.errors import UnsettledError
from portanet.compiler.guards.guards import Guards
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.compiler.runtime.overrides import overridden
from portanet.compiler.runtime.parameter_memory import ParameterMemory
from portanet.compiler.runtime.refusal import warn_uncompiled
from portanet.compiler.runtime.value_checks import ValueChecks
from portanet.compiler.tracing.trace import Trace, trace_step
from portanet.compiler.verification.step_check import StepCheck
from portanet.data import Batches
from portanet.errors import OrderError
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array
from portanet.versioned import LATEST

MAX_PLANS = 8  # shapes of batches; the one that was not used for the longest time makes place
MAX_VAIN = 8  # plans that were dropped before they had paid: then something changes all the time
_PAYS = 16  # replays


class CompiledStep:
    """Forward, loss, backward, update: `step(x, y)` returns the losses, shape (N,).

    It trains `model` as `Trainer.step` does: unfused plans give the same bits, fused ones differ
    by rounding. What is read of the model is a copy, so it never changes later.

    `fuse=False` replays the readable step's operations one by one. `fast` says whether numba is
    used (None: where it is installed and pays), `mkl=False` keeps Intel's MKL out of large
    products (None: where it is installed and has been measured as faster). `refused` says why
    steps run uncompiled, `retraced` what was changed when plans were last dropped.
    A copy, or one that was pickled, makes plans of its own.

    Raises OrderError if a second thread calls it while a step is being taken.
    """

    def __init__(
        self, model: Sequential, optimizer: Optimizer, *, fuse: bool = True,
        fast: bool | None = None, mkl: bool | None = None,
    ) -> None:  # fmt: skip
        self.model, self.optimizer = model, optimizer
        self.refused: str | None = None
        self._fuse, self._fast, self._mkl = fuse, fast, mkl
        self._start()

    def __call__(self, x: Array, y: Array) -> Array:
        """Take a step with a batch; return the losses, shape (N,), on the device."""
        if not self._lock.acquire(blocking=False):
            raise OrderError("compile_step: another thread is in this step; take steps in turn")
        try:
            planned = self.plan_for(x.shape, y.shape, x.dtype, y.dtype)
            if planned is None:
                return self._slow_step(x, y)
            if not skips_value_checks():
                planned.values.check(x, y)
            planned.plan.load(x, y)
            self.replay(planned)
            return planned.plan.losses()
        finally:
            self._lock.release()

    def plan_for(
        self, x_shape: Any, y_shape: Any, x_dtype: Any, y_dtype: Any
    ) -> CheckedPlan | None:
        """Return the plan that can be replayed for batches that look like this, if there is one."""
        if not self._holds():
            return None
        phase = self._phase() if self.optimizer.accumulate > 1 else 0
        key = (x_shape, y_shape, x_dtype, y_dtype, phase)
        planned = self._plans.get(key)
        if planned is None or not planned.until_event:
            return None
        if planned is not self._latest:
            self._plans.move_to_end(key)
            self._latest = planned
        return planned

    def replay(self, planned: CheckedPlan) -> None:
        """Take a step with the batch that lies in a plan's inputs."""
        version = LATEST[0]
        planned.replay()
        self._n_replays += 1
        self._epoch_loss.weight += planned.plan.n_samples
        if planned.n_changes and self._guards and LATEST[0] - version == planned.n_changes:
            self._guards.version = LATEST[0]  # only draws have advanced it

    def epoch(self, batches: Batches) -> Array:
        """Take a step with each batch of an epoch; return the mean loss, on the device."""
        if not self._lock.acquire(blocking=False):
            raise OrderError("Trainer.train: another thread trains with this step; train in turn")
        try:
            self.start_epoch()
            for batch in batches.lazy():
                planned = self.plan_for(batch.x_shape, batch.y_shape, batch.x_dtype, batch.y_dtype)
                if planned is None:
                    self._slow_step(*batch.gathered())
                else:
                    planned.plan.gather(batch)
                    self.replay(planned)
            return self.mean_loss()
        finally:
            self._lock.release()

    def start_epoch(self) -> None:
        """Begin to add up losses anew."""
        self._holds()  # the model may have moved since
        self._epoch_loss.clear(self._memory)

    def mean_loss(self) -> Array:
        """Return the mean loss of the samples since start_epoch, on the device."""
        return self._epoch_loss.mean(self._memory)

    # guards

    def _holds(self) -> bool:
        """Return whether there are plans and they are right; take over what was assigned."""
        memory, guards = self._memory, self._guards
        if memory is None or guards is None:
            return False
        if guards.unchanged() and not memory.touched:
            return True
        return self._look_again(memory, guards)

    def _look_again(self, memory: ParameterMemory, guards: Guards) -> bool:
        """Look at everything that the plans have taken for granted."""
        broken = None if guards.unchanged() else guards.broken()
        if broken is not None:
            self._drop(broken)
            return False
        self.optimizer.follow()
        memory.adopt()
        for planned in self._plans.values():
            planned.bind()
        guards.version = LATEST[0]
        return True

    def _drop(self, why: str) -> None:
        """Drop all plans."""
        self.retraced = why
        if self._memory is not None:
            self._epoch_loss.leave(self._memory)
            self._memory.give_back()
            self._n_vain = 0 if self._n_replays >= _PAYS else self._n_vain + 1
        self._memory: ParameterMemory | None = None
        self._guards: Guards | None = None
        self._plans: OrderedDict[Any, CheckedPlan] = OrderedDict()
        self._latest: CheckedPlan | None = None
        self._n_replays = 0

    def _start(self) -> None:
        self._lock = RLock()
        self._epoch_loss = EpochLoss(self.model)
        # the output's shape for batches that a step as it is written has looked at
        self._known: dict[Any, tuple[int, ...]] = {}
        self._unsettled = False
        self._engine: Any = None
        self._n_vain, self._n_replays = 0, 0
        self._memory = None
        self._drop("")

    def __getstate__(self) -> dict[str, Any]:
        kept = ("model", "optimizer", "refused", "_fuse", "_fast", "_mkl")
        return {name: value for name, value in vars(self).items() if name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def _phase(self) -> int:
        """Return which kind of step this is: one that moves, or that only adds gradients up."""
        optimizer = self.optimizer
        if optimizer.accumulate == 1:
            return 0
        moves = optimizer.n_accumulated + 1 >= optimizer.accumulate
        return (0 if moves else 1) + 2 * (optimizer.n_accumulated > 0)

    # steps at which there is more to do

    def _slow_step(self, x: Array, y: Array) -> Array:
        """Trace a step, verify a plan, or run the step as it is written."""
        if self.refused is not None:
            return self._readable(x, y)
        key = (x.shape, y.shape, x.dtype, y.dtype, self._phase())
        if self._holds() and key in self._plans:
            if not skips_value_checks():
                self._plans[key].values.check(x, y)
            return self._event(self._plans[key], x, y)
        looked_at = skips_value_checks() or (type(x), *key[:4]) in self._known
        if not looked_at:
            return self._readable(x, y)
        self._engine = engine_for(
            self.model.backend, fuse=self._fuse, fast=self._fast, mkl=self._mkl
        )
        return self._readable(x, y) if self._engine is None else self._traced(key, x, y)

    def _event(self, planned: CheckedPlan, x: Array, y: Array) -> Array:
        """Take a step at which a plan is verified, or a faster one looked for."""
        planned.look_for_faster()
        if not planned.is_due():
            planned.plan.load(x, y)
            self.replay(planned)
            planned.plan_ahead()
            return planned.plan.losses()
        check, version = (
            StepCheck(self.model, self.optimizer, planned, exact=not self._fuse),
            LATEST[0],
        )
        losses = check.run(x, y)
        if check.why is None:
            planned.accept()
            self._n_replays += 1
            self._epoch_loss.weight += planned.plan.n_samples
            self._guards_after_check(version)
            return losses
        self._epoch_loss.add(losses, y)
        if not planned.revert(f"{check.why}{planned.doubt()}"):
            self._refuse(f"verification failed: {check.why}{planned.doubt()}")
        return losses

    def _guards_after_check(self, version: int) -> None:
        """Take in what the readable half has assigned: the layers' own memories, and draws."""
        assert self._guards is not None
        if version != LATEST[0] and self._guards.broken() is None:
            self._guards.version = LATEST[0]

    def _traced(self, key: Any, x: Array, y: Array) -> Array:
        """Rehearse a step under tracers, take it as it is written, and make its plan."""
        why, trace = overridden(self.optimizer), None
        if why is None and self._n_vain >= MAX_VAIN:
            why = f"something changes in every few steps: {self.retraced}"
        if why is None:
            try:
                trace = trace_step(self.model, self.optimizer, x, y, self._engine.same_memory)
            except UnsettledError as error:
                why, self._unsettled = str(error) if self._unsettled else None, True
            except Exception as error:  # noqa: BLE001 - the readable step decides what is an error
                why = str(error) or type(error).__name__
        losses = self._readable(x, y)  # what is wrong with the step itself is raised here
        if trace is not None:
            self._unsettled = False
            why = self._make_plan(key, trace)
        if why is not None:
            self._refuse(why)
        return losses

    def _make_plan(self, key: Any, trace: Trace) -> str | None:
        """Make the plan of a traced step. Returns in words why there is none, None if there is."""
        memory = self._memory
        if memory is not None and memory.homes.keys() != trace.tape.graph.states.keys():
            self._drop("the optimizer's groups of parameters")
            memory = None
        try:
            if memory is None:
                memory = ParameterMemory(self.model, self.optimizer, trace, self._engine)
            memory.adopt()
            ignored = trace.ignored | (self._guards.ignored if self._guards is not None else set())
            guards = Guards({"": self.model, "optimizer": self.optimizer}, ignored)
            values = ValueChecks(self.model, trace.y_hat_shape)
            planned = CheckedPlan(self._engine, memory, self.optimizer, trace, values)
        except Exception as error:  # noqa: BLE001 - without a plan steps run as they are written
            return f"no plan can be made: {type(error).__name__}: {error}"
        self._memory, self._guards, self._plans[key] = memory, guards, planned
        while len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return None

    def _readable(self, x: Array, y: Array) -> Array:
        """Take a step as it is written."""
        model = self.model
        y_hat = model.forward(x, training=True)
        losses = model.criterion.forward(y_hat, y, training=True)
        model.backward()
        self.optimizer.step()
        self._known[type(x), x.shape, y.shape, x.dtype, y.dtype] = tuple(y_hat.shape)
        self._epoch_loss.add(losses, y)
        return losses

    def _refuse(self, why: str) -> None:
        self.refused = why
        self._drop(why)
        warn_uncompiled(type(self.model).__name__, why)


def compile_step(
    model: Sequential, optimizer: Optimizer, *, fuse: bool = True, fast: bool | None = None,
    mkl: bool | None = None,
) -> CompiledStep:  # fmt: skip
    """Return a function of a batch that takes one step of training, as `Trainer.step` does, fast.

    The first step with batches of a shape is traced, the second is verified against the readable
    step, all others are replayed; see CompiledStep. On backends that have no engine (PyTorch,
    array-api-strict) steps run as they are written.

    >>> import numpy as np, portanet
    >>> from portanet import SGD, BCEWithLogits, Linear, Sequential
    >>> portanet.seed(0)
    >>> model = Sequential([Linear(2, 1)], BCEWithLogits())
    >>> step = portanet.compile_step(model, SGD(model, lr=1.0))
    >>> x, y = np.asarray([[1, 2], [2, 1]], np.float32), np.asarray([[0], [1]], np.float32)
    >>> [round(float(step(x, y).mean()), 3) for _ in range(4)]
    [0.819, 0.661, 0.55, 0.465]
    """
    return CompiledStep(model, optimizer, fuse=fuse, fast=fast, mkl=mkl)
