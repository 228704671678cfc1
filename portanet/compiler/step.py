"""CompiledStep: a training step that is traced once, checked once, and then replayed.

The first step with batches of a shape is traced, which computes what the readable step computes.
The second is taken by the plan and readably, and the two are compared. From then on the plan is
replayed. Whatever a plan has taken for granted is looked at before each step: where it no longer
holds, the step is traced anew; what cannot be traced is taken readably, and one warning says why.
"""

import warnings
from typing import Any

from portanet.changes import Watched
from portanet.checks import trusts_values
from portanet.compiler.check import FUSED_ULPS, first_difference
from portanet.compiler.engines import engine_for
from portanet.compiler.planned import Planned
from portanet.compiler.signature import signature
from portanet.compiler.store import Store
from portanet.compiler.trace import trace_step
from portanet.data import Batches
from portanet.dispatch import draws_given
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array

MAX_PLANS = 8  # shapes of batches: more than a loader has, fewer than fill the memory

# What a tracer may meet in code that was not written for it; the readable step then decides.
_UNTRACEABLE = (TypeError, ValueError, AttributeError, RuntimeError, IndexError, KeyError)


class NotCompiledWarning(UserWarning):
    """A step is taken as it is written, since it could not be compiled; the words say why."""


class CompiledStep:
    """Forward, loss, backward, update: `step(x, y)` returns the losses, shape (N,).

    It trains `model` as `Trainer.step` does: unfused plans give the same bits, fused ones differ
    by rounding. Parameters are written in place: what must stay has to be copied. Labels and
    indices are looked at in the first step with batches of a shape only.

    `fuse=False` replays the readable step's operations one by one. `fast` says whether numba is
    used (None: where it is installed and pays). `refused` says why steps are taken readably.
    """

    def __init__(
        self, model: Sequential, optimizer: Optimizer, *, fuse: bool = True,
        fast: bool | None = None,
    ) -> None:  # fmt: skip
        self.model, self.optimizer = model, optimizer
        self.refused: str | None = None
        self._fuse, self._fast = fuse, fast
        self._loss: Any = 0.0
        self._weight: Any = 0
        self._forget()

    def __call__(self, x: Array, y: Array) -> Array:
        """Take a step with a batch; return the losses, shape (N,), on the device."""
        planned = self.plan_for(x.shape, y.shape, x.dtype, y.dtype)
        if planned is None:
            return self._first_steps(x, y)
        planned.load(x, y)
        self.replay(planned)
        return planned.plan.losses()

    def plan_for(self, x_shape: Any, y_shape: Any, x_dtype: Any, y_dtype: Any) -> Planned | None:
        """Return the plan for batches that look like this, if there is one that holds."""
        if self._store is None or not self._holds():
            return None
        planned = self._plans.get((x_shape, y_shape, x_dtype, y_dtype, self._phase()))
        return planned if planned is not None and planned.checked else None

    def replay(self, planned: Planned) -> None:
        """Take a step with the batch that lies in a plan's inputs."""
        planned.replay(planned.draw())
        planned.count()
        if self._bound is not planned:
            planned.bind()
            self._bound = planned
        self._seen = Watched.n_changes
        self._weight += planned.plan.n_samples

    def epoch(self, batches: Batches) -> Array:
        """Take a step with each batch of an epoch; return the mean loss, on the device."""
        self.start_epoch()
        for batch in batches.lazy():
            planned = self.plan_for(batch.x_shape, batch.y_shape, batch.x_dtype, batch.y_dtype)
            if planned is None:
                self._first_steps(*batch.gathered())
            else:
                planned.plan.gather(batch)
                self.replay(planned)
        return self.mean_loss()

    # what an epoch has lost so far

    def start_epoch(self) -> None:
        """Begin to add up losses anew."""
        if self._store is not None:
            self._holds()  # the model may have moved since
        self._loss, self._weight = 0.0, 0
        if self._store is not None:
            self._engine.clear(self._store.totals())

    def mean_loss(self) -> Array:
        """Return the mean loss of the samples since start_epoch, on the device."""
        totals = {} if self._store is None else self._store.totals()
        return totals.get("total:loss", self._loss) / totals.get("total:weight", self._weight)

    # what is taken for granted

    def _holds(self) -> bool:
        """Return whether the plans are still right; take over what others have assigned."""
        store = self._store
        assert store is not None
        if self._seen == Watched.n_changes and store.shown():
            return True
        if signature(self.model, self.optimizer, self._counters) != self._signature:
            self._keep_totals()
            self._forget()
            return False
        store.adopt()
        self._seen = Watched.n_changes
        return True

    def _forget(self) -> None:
        self._engine: Any = None
        self._store: Store | None = None
        self._plans: dict[Any, Planned] = {}
        self._known: set[Any] = set()
        self._bound: Planned | None = None
        self._counters: set[tuple[int, str]] = set()
        self._signature: Any = None
        self._seen = -1

    def _keep_totals(self) -> None:
        """Remember the sums of the epoch when the memory that they lie in is left."""
        totals = {} if self._store is None else self._store.totals()
        self._loss = 0 + totals.get("total:loss", self._loss)
        self._weight = 0 + totals.get("total:weight", self._weight)

    def _phase(self) -> int:
        """Return which kind of step this is: one that moves, or that only adds gradients up."""
        optimizer = self.optimizer
        if optimizer.accumulate == 1:
            return 0
        moves = optimizer.n_accumulated + 1 >= optimizer.accumulate
        return (0 if moves else 1) + 2 * (optimizer.n_accumulated > 0)

    # the first steps

    def _first_steps(self, x: Array, y: Array) -> Array:
        """Take the step as it is written, traced, or checked against its plan."""
        key = (x.shape, y.shape, x.dtype, y.dtype, self._phase())
        self._bound = None
        if self._store is not None and key in self._plans:
            return self._checked(self._plans[key], x, y)
        looked_at = trusts_values() or key in self._known
        self._known.add(key)
        if self.refused is None and looked_at and len(self._plans) < MAX_PLANS:
            self._engine = engine_for(self.model.backend, fuse=self._fuse, fast=self._fast)
            if self._engine is not None:
                return self._traced(key, x, y)
        return self._readable(x, y)

    def _readable(self, x: Array, y: Array) -> Array:
        losses = self._gradients(x, y)
        self.optimizer.step()
        self._add_up(losses, y)
        return losses

    def _gradients(self, x: Array, y: Array) -> Array:
        y_hat = self.model.forward(x, training=True)
        losses = self.model.criterion.forward(y_hat, y, training=True)
        self.model.backward()
        return losses

    def _zero(self) -> Any:
        return self.model.backend.xp.zeros((), dtype=self.model.backend.dtype(self.model.dtype))

    def _add_up(self, losses: Array, y: Array) -> None:
        """Add a step that no plan has taken to the epoch's sums."""
        xp = self.model.backend.xp
        weights = self.model.criterion.weight_of(y)
        n = y.shape[0] if weights is None else xp.sum(weights)
        if self._store is None:
            self._loss, self._weight = self._loss + xp.sum(losses), self._weight + n
            return
        totals, copy = self._store.totals(), self._engine.copy
        copy(totals["total:loss"], totals["total:loss"] + xp.sum(losses))
        if "total:weight" in totals:
            copy(totals["total:weight"], totals["total:weight"] + n)
        else:
            self._weight += n

    def _traced(self, key: Any, x: Array, y: Array) -> Array:
        """Trace a step, make its plan, and keep what the step has computed."""
        drawn: list[Any] = []
        try:
            trace = trace_step(self.model, self.optimizer, x, y, self._engine.same_memory, drawn)
        except _UNTRACEABLE as error:
            with draws_given(drawn):
                return self._refuse(str(error) or type(error).__name__, x, y)
        if self._store is None:
            self._keep_totals()
            self._store = Store(self.model, self.optimizer, trace, self._engine)
            self._counters = trace.counters
            self._engine.copy(self._store.homes["total:loss"], self._zero() + self._loss)
        self._store.take(trace.tape.states)
        planned = Planned(self._engine, self._store, self.model, self.optimizer, trace)
        self._plans[key] = planned
        planned.count()
        self._store.show()
        if "total:weight" not in self._store.homes:
            self._weight += y.shape[0]
        for name, p in self.model.named_parameters().items():
            p.grad = trace.tape.results.get(f"grad:{name}")
        self._signature = signature(self.model, self.optimizer, self._counters)
        self._seen = Watched.n_changes
        return trace.tape.results["losses"]

    def _checked(self, planned: Planned, x: Array, y: Array) -> Array:
        """Take a step by the plan and readably. The readable one is kept, and says what is right.

        The optimizer moves by the plan's gradients once they have been found right: Adam divides
        a gradient by its own size, and makes much of what is rounding noise.
        """
        assert self._store is not None
        store, ulps = self._store, FUSED_ULPS if self._fuse else 0
        if not self._holds():
            return self._first_steps(x, y)
        before, drawn = store.copies(), planned.draw()
        planned.load(x, y)
        planned.replay(drawn)
        got, got_states = planned.results(), store.copies()
        store.restore(before)
        with draws_given(drawn):
            losses = self._gradients(x, y)
        parameters = self.model.named_parameters()
        wanted = {f"grad:{name}": p.grad for name, p in parameters.items()} | {"losses": losses}
        difference = first_difference(got, wanted, ulps=ulps)
        if difference is None:
            for name, p in parameters.items():
                p.grad = got[f"grad:{name}"]
        self.optimizer.step()
        self._add_up(losses, y)
        store.adopt()
        self._seen = Watched.n_changes
        difference = difference or first_difference(got_states, store.homes, ulps=ulps)
        if difference is not None:
            self._warn(f"in a step taken both ways {difference}")
        planned.checked = difference is None
        return losses

    def _refuse(self, why: str, x: Array, y: Array) -> Array:
        losses = self._readable(x, y)  # what is wrong with the step itself is raised here
        self._warn(why)
        return losses

    def _warn(self, why: str) -> None:
        self.refused = why
        warnings.warn(
            f"{type(self.model).__name__}: steps are taken as they are written, not compiled: "
            f"{why}. (compile=False: the same without this warning)",
            NotCompiledWarning,
            stacklevel=5,
        )


def compile_step(
    model: Sequential, optimizer: Optimizer, *, fuse: bool = True, fast: bool | None = None
) -> CompiledStep:
    """Return a function of a batch that takes one step of training, as `Trainer.step` does, fast.

    The first step with batches of a shape is traced, the second is checked against the readable
    step, all others are replayed; see CompiledStep. On backends that have no engine (PyTorch,
    array-api-strict) steps are taken as they are written.

    >>> import numpy as np, portanet
    >>> from portanet import SGD, BCEWithLogits, Linear, Sequential
    >>> portanet.seed(0)
    >>> model = Sequential([Linear(2, 1)], BCEWithLogits())
    >>> step = portanet.compile_step(model, SGD(model, lr=1.0))
    >>> x, y = np.asarray([[1, 2], [2, 1]], np.float32), np.asarray([[0], [1]], np.float32)
    >>> [round(float(step(x, y).mean()), 3) for _ in range(4)]
    [0.688, 0.498, 0.394, 0.325]
    """
    return CompiledStep(model, optimizer, fuse=fuse, fast=fast)
