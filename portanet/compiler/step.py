"""CompiledStep: a training step that is traced once, checked once, and then replayed.

The first step with batches of a shape is traced, which computes what the readable step computes.
The second is taken by the plan and readably, and the two are compared. From then on the plan is
replayed. Whatever a plan has taken for granted is looked at before each step: where it no longer
holds, the step is traced anew; what cannot be traced is taken readably, and one warning says why.
"""

import warnings
from typing import Any

from portanet.checks import skips_value_checks
from portanet.compiler.engines.registry import engine_for
from portanet.compiler.errors import NotCompiledWarning, UnsettledError
from portanet.compiler.runtime.checked_plan import Planned, count
from portanet.compiler.runtime.epoch_loss import Sums
from portanet.compiler.runtime.guards import Granted
from portanet.compiler.runtime.parameter_memory import Store
from portanet.compiler.tracing.trace import Trace, trace_step
from portanet.compiler.verification.compare import first_difference
from portanet.data import Batches
from portanet.dispatch import draws_given
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array
from portanet.versioned import Versioned

MAX_PLANS = 8  # shapes of batches: more than a loader has, fewer than fill the memory
MAX_VAIN = 8  # plans that were given up before they had paid: then something changes all the time
_PAYS = 16  # replays


class CompiledStep:
    """Forward, loss, backward, update: `step(x, y)` returns the losses, shape (N,).

    It trains `model` as `Trainer.step` does: unfused plans give the same bits, fused ones differ
    by rounding. Parameters are written in place: what must stay has to be copied. Labels and
    indices are looked at in the first step with batches of a shape only. Arrays that a layer has
    in plain attributes are constants: assign another one, rather than write into it.

    `fuse=False` replays the readable step's operations one by one. `fast` says whether numba is
    used (None: where it is installed and pays), `mkl=False` keeps Intel's MKL out of large
    products (None: where it is installed and has been measured as faster). `refused` says why
    steps are taken readably.
    A copy, or one that was pickled, makes plans of its own.
    """

    def __init__(
        self, model: Sequential, optimizer: Optimizer, *, fuse: bool = True,
        fast: bool | None = None, mkl: bool | None = None,
    ) -> None:  # fmt: skip
        self.model, self.optimizer = model, optimizer
        self.refused: str | None = None
        self._fuse, self._fast, self._mkl = fuse, fast, mkl
        self._forget_all()

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
        phase = self._phase() if self.optimizer.accumulate > 1 else 0
        planned = self._plans.get((x_shape, y_shape, x_dtype, y_dtype, phase))
        return planned if planned is not None and planned.ready() else None

    def replay(self, planned: Planned) -> None:
        """Take a step with the batch that lies in a plan's inputs."""
        granted, n_changes = self._granted, Versioned.version
        planned.replay(planned.draw())
        planned.count()
        planned.bind()
        self._n_replays += 1
        self._sums.weight += planned.plan.n_samples
        if Versioned.version - n_changes == planned.n_changes:  # else somebody else's, too
            granted.seen = Versioned.version

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

    def start_epoch(self) -> None:
        """Begin to add up losses anew."""
        if self._store is not None:
            self._holds()  # the model may have moved since
        self._sums.clear(self._store)

    def mean_loss(self) -> Array:
        """Return the mean loss of the samples since start_epoch, on the device."""
        return self._sums.mean(self._store)

    # what is taken for granted

    def _holds(self) -> bool:
        """Return whether the plans are still right; take over what others have assigned."""
        store, granted = self._store, self._granted
        assert store is not None
        if granted.unchanged() and store.shown():
            return True
        if not granted.holds():
            self._forget()
            return False
        self.optimizer.follow()
        store.adopt()
        granted.look()
        return True

    def _forget(self) -> None:
        """Give all plans up."""
        if self._store is not None:
            self._sums.leave(self._store)
            self._n_vain = 0 if self._n_replays >= _PAYS else self._n_vain + 1
        self._store: Store | None = None
        self._plans: dict[Any, Planned] = {}
        self._n_replays = 0
        self._granted: Any = None

    def _forget_all(self) -> None:
        self._sums = Sums(self.model)
        self._known: set[Any] = set()  # what batches looked like whose labels were looked at
        self._unsettled = False
        self._engine: Any = None
        self._n_vain = 0
        self._store = None
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        kept = ("model", "optimizer", "refused", "_fuse", "_fast", "_mkl")
        return {name: value for name, value in vars(self).items() if name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget_all()

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
        if self.refused is None and key in self._plans:
            return self._checked(self._plans[key], x, y)
        if self._may_trace(key):
            self._engine = engine_for(
                self.model.backend, fuse=self._fuse, fast=self._fast, mkl=self._mkl
            )
            if self._engine is not None:
                return self._traced(key, x, y)
        losses = self._readable(x, y)
        self._known.add((self.model.backend.name, key))
        return losses

    def _may_trace(self, key: Any) -> bool:
        looked_at = skips_value_checks() or (self.model.backend.name, key) in self._known
        return self.refused is None and looked_at and len(self._plans) < MAX_PLANS

    def _readable(self, x: Array, y: Array) -> Array:
        losses = self._gradients(x, y)
        self.optimizer.step()
        self._sums.add(self._store, losses, y)
        return losses

    def _gradients(self, x: Array, y: Array) -> Array:
        y_hat = self.model.forward(x, training=True)
        losses = self.model.criterion.forward(y_hat, y, training=True)
        self.model.backward()
        return losses

    def _traced(self, key: Any, x: Array, y: Array) -> Array:
        """Trace a step, make its plan, and keep what the step has computed."""
        if self._n_vain >= MAX_VAIN:
            return self._refuse("layers or options change in every few steps", x, y)
        try:
            trace = trace_step(self.model, self.optimizer, x, y, self._engine.same_memory)
        except UnsettledError as error:
            first, self._unsettled = not self._unsettled, True
            return self._readable(x, y) if first else self._refuse(str(error), x, y)
        except Exception as error:  # noqa: BLE001 - the readable step decides what is an error
            return self._refuse(str(error) or type(error).__name__, x, y)
        self._unsettled = False
        store = self._keep(trace, y)
        try:
            self._plans[key] = Planned(self._engine, store, self.model, self.optimizer, trace)
        except Exception as error:  # noqa: BLE001 - without a plan steps can be taken readably
            self._warn(f"{type(error).__name__}: {error}")
        return trace.tape.results["losses"]

    def _keep(self, trace: Trace, y: Array) -> Store:
        """Let the model and the optimizer hold what a traced step has computed."""
        if self._store is not None and self._store.homes.keys() != trace.tape.states.keys():
            self._forget()
        if self._store is None:
            self._store = Store(self.model, self.optimizer, trace, self._engine)
            self._sums.enter(self._store)
        self._store.take(trace.tape.states)
        count(self.optimizer, trace.groups)
        self._store.show()
        if "total:weight" not in self._store.homes:
            self._sums.weight += y.shape[0]
        for name, p in self.model.named_parameters().items():
            p.grad = trace.tape.results.get(f"grad:{name}")
        left_out = trace.counters | {(id(part), key) for part, key, _ in trace.attributes}
        if self._granted is not None:
            left_out |= self._granted.left_out
        self._granted = Granted(self.model, self.optimizer, left_out)
        return self._store

    def _checked(self, planned: Planned, x: Array, y: Array) -> Array:
        """Take a step by the plan and readably. The readable one is kept, and says what is right.

        The optimizer moves by the plan's gradients once they have been found right: Adam divides
        a gradient by its own size, and makes much of what is rounding noise.
        """
        if not self._holds():
            return self._first_steps(x, y)
        store, exact, drawn = self._store, not self._fuse, planned.draw()
        assert store is not None
        got, got_states, why = planned.tried(x, y, drawn)
        with draws_given(drawn):
            losses = self._gradients(x, y)
        parameters = self.model.named_parameters()
        if why is None:
            wanted = {**planned.attributes_now(), "losses": losses}
            wanted |= {f"grad:{name}": p.grad for name, p in parameters.items()}
            why = first_difference(got, wanted, exact=exact)
        if why is None:
            for name, p in parameters.items():
                p.grad = got[f"grad:{name}"]
        self.optimizer.step()
        self._sums.add(store, losses, y)
        store.adopt()
        self._granted.look()
        why = why or first_difference(got_states, store.without_totals(), exact=exact)
        planned.checked = why is None
        if why is not None and not planned.fall_back(f"in a step taken both ways {why}"):
            self._warn(f"in a step taken both ways {why}")
        return losses

    def _refuse(self, why: str, x: Array, y: Array) -> Array:
        losses = self._readable(x, y)  # what is wrong with the step itself is raised here
        self._warn(why)
        return losses

    def _warn(self, why: str) -> None:
        self.refused = why
        self._forget()
        warnings.warn(
            f"{type(self.model).__name__}: steps are taken as they are written, not compiled: "
            f"{why}. (compile=False: the same without this warning)",
            NotCompiledWarning,
            stacklevel=5,
        )


def compile_step(
    model: Sequential, optimizer: Optimizer, *, fuse: bool = True, fast: bool | None = None,
    mkl: bool | None = None,
) -> CompiledStep:  # fmt: skip
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
    [0.819, 0.661, 0.55, 0.465]
    """
    return CompiledStep(model, optimizer, fuse=fuse, fast=fast, mkl=mkl)
