"""Trainer: a step that can be read aloud, and the loop around it."""

from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any

from portanet.callbacks.callback import Callback
from portanet.checks import check_count
from portanet.compiler import CompiledStep
from portanet.compiler.options import Fast
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.constructors import CalledType
from portanet.data import DataLoader
from portanet.distributed import Communicator
from portanet.distributed.choose import checked_communicator
from portanet.elsewhere import OfTrainers
from portanet.optimizer import Optimizer
from portanet.overrides import is_overridden
from portanet.sequential import Sequential
from portanet.several import Arrays
from portanet.state import State
from portanet.training.averaging import WeightAverage
from portanet.training.epochs import Epochs
from portanet.training.hooks import Hooks, check_callbacks
from portanet.training.metric import Metric
from portanet.training.optimizer_options import OptimizerOptions
from portanet.training.parts import check_loader, check_parts, epochs_and_steps
from portanet.training.row import fetch, warn_diverged
from portanet.training.run_state import load_run_state, state_of
from portanet.training.staged import StagedLoaders
from portanet.training.together import Together
from portanet.typing import Array


class Trainer(OfTrainers, Epochs, metaclass=CalledType):
    """Trains a model on batches, and says after each epoch how it does on other data.

    `metric(predictions, y)` is computed over the whole validation set, on the device, and returns
    one number; it is tried before the first step. A dict has several: for each output of a network
    with several the metric of that output, else metrics of the one output. Losses are summed on the
    device, too: the host waits for it once an epoch, for one copy of three numbers. A schedule that
    depends on the loss, such as Plateau, is told it after each epoch.

    With `compile` (the default) a step is compiled where the backend has an engine (NumPy, CuPy,
    JAX): the same arithmetic, traced from the layers as they are, checked against them, and
    replayed in place (see portanet.compile_step). What cannot be compiled runs as it is written,
    and a warning says why; `fast` is compile_step's. A `step` of a subclass, or one that is
    assigned, is called as it is.

    `clip_norm`, `clip_value` and `accumulate` are the optimizer's options (portanet.Optimizer),
    which may be given here or there. With `ema`, a decay in [0, 1) such as 0.999, an exponential
    moving average of the weights (portanet.ExponentialMovingAverage) is updated whenever they move,
    and validated in their place: val_loss and evaluate() are of the average, and so are the weights
    that EarlyStopping restores; loss is of the weights that train. `with trainer.weights():` the
    model has the average, for predict or save; a run that is saved has both. The average is taken
    between the steps, by one function of all parameters.

    `precision="float16"` (or "bfloat16", a MixedPrecision) is assigned to `model.precision`: the
    layers then compute in half precision, with float32 weights (CuPy, PyTorch, JAX).

    With `distributed=True` several processes train one model, each with a part of every batch:
    what `mpiexec -n 4 python train.py` starts gives what python train.py gives. See
    docs/distributed.md. batch_size is that of the joined batch. Rank 0 prints and writes files.

    `callbacks` are called as training goes on (portanet.callbacks): early stopping, checkpoints,
    logs, progress. `n_steps` batches have been taken in all, `position` of them in an epoch that is
    not over.

    The parts (model, optimizer, train_dl, val_dl, metric) may be replaced by assignment; the next
    epoch or evaluation uses the new ones. `history` has a row an epoch: {"loss": …, "val_loss": …,
    "val_metric": …}; without validation data or a metric the latter two are left out. Of several
    metrics each has an entry, "val_metric.price".

    Raises ArgumentError if the parts do not belong together, an option is out of its range, or one
    was given to trainer and optimizer with two values: at once, and not in the first step.

    >>> import numpy as np, portanet
    >>> from portanet import BCEWithLogits, Dataset, DataLoader, Linear, SGD, Sequential, accuracy
    >>> portanet.seed(0)
    >>> X = np.linspace(-1, 1, 64).reshape(-1, 1)
    >>> data = DataLoader(Dataset(X, X[:, 0] > 0), batch_size=16, shuffle=True)
    >>> model = Sequential([Linear(1, 1)], BCEWithLogits())
    >>> trainer = Trainer(model, SGD(model, lr=1.0), data, data, metric=accuracy)
    >>> trainer.train(20, log_level=10)
    epoch=  9 | loss= 0.211 | val_loss= 0.203 | val_metric= 1.000
    epoch= 19 | loss= 0.154 | val_loss= 0.151 | val_metric= 1.000
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer,
        train_dl: DataLoader,
        val_dl: DataLoader | None = None,
        metric: Metric | Mapping[str, Metric] | None = None,
        *,
        callbacks: Sequence[Callback] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int | None = None,
        ema: float | None = None,
        precision: Any = None,
        compile: bool = True,  # noqa: A002 - what people will type
        fast: Fast = None,
        distributed: bool | Communicator | None = None,
    ) -> None:
        check_parts(model, optimizer, train_dl, val_dl, metric)
        if precision is not None:
            model.precision = precision
        self.model, self.optimizer, self.metric = model, optimizer, metric
        self.train_dl, self.val_dl = train_dl, val_dl
        self.callbacks = check_callbacks(callbacks)
        self._average = None if ema is None else WeightAverage(model, ema)
        options = {"clip_norm": clip_norm, "clip_value": clip_value, "accumulate": accumulate}
        self._options = OptimizerOptions(**options)
        self._options.pass_on(optimizer)
        self.history: list[dict[str, float]] = []
        self.n_steps, self.position = 0, 0
        self._stopping, self._losses = False, EpochLoss(model)
        self.compiled = CompiledStep(model, optimizer, fast=fast) if compile else None
        self._loaders = StagedLoaders()
        self._has_warned = False
        ranks = checked_communicator(distributed, model)
        self._together = None if ranks is None else Together(ranks)

    def step(self, x: Arrays, y: Arrays) -> Array:
        """Forward, loss, backward, update. Returns the losses, shape (N,), on the device.

        It always runs as it is written; `train` replays it compiled.
        """
        y_hat = self.model.forward(x, training=True)
        losses = self.model.criterion.forward(y_hat, y, training=True)
        self.model.backward()
        self.optimizer.step()
        return losses

    def train(
        self, n_epochs: int | None = None, log_level: int = 1, *, n_steps: int | None = None
    ) -> None:
        """Train for n_epochs, or n_steps batches; print a row every log_level epochs (0: never).

        What n_steps has stopped within an epoch goes on there at the next call. An epoch that is
        interrupted (Ctrl-C) leaves no row; train() goes on with a new one. Warns (DivergedWarning)
        once if a loss is NaN or infinite.
        """
        epochs, limit = epochs_and_steps(n_epochs, n_steps)
        check_count("Trainer.train", "log_level", log_level, 0)
        self._check()
        hooks = Hooks(self.all_callbacks, is_first=self.is_first)
        if epochs and limit:
            self._check_training()
        limit, has_warned, self._stopping = self.n_steps + limit, False, False
        try:
            self._begin(hooks)
            while epochs > 0 and self.n_steps < limit and not self._stopping:
                # in a copied context, where Ctrl-C cannot leave checks or shuffling switched off
                row = copy_context().run(self._train_one_epoch, hooks, limit)
                if row is None:
                    break
                bad = self._end_epoch(hooks, row, log_level)
                if bad and not has_warned:  # unless a callback has raised
                    has_warned = True
                    warn_diverged(len(self.history) - 1, bad)
                epochs -= 1
                self._stopping = bool(self.agreed(self._stopping))
            self.gather_run()
        except BaseException:
            self.position = 0  # a new epoch follows, wherever in this one it came
            self._put_back()
            raise
        finally:
            hooks.end(self)

    def evaluate(self, dl: DataLoader) -> tuple[float, Any]:
        """Return the mean loss over a loader's data, and the metric (None without one).

        Several metrics are a dict by their names. The data are taken in their order, whether the
        loader shuffles or not; nothing changes.
        """
        self._check()
        check_loader("dl", dl)
        row = fetch(copy_context().run(self._evaluate, dl, ""), self.model.backend)
        several = {n.removeprefix("metric."): v for n, v in row.items() if n.startswith("metric.")}
        return row["loss"], several or row.get("metric")

    def state(self) -> State:
        """Return what `save(path, model, optimizer, trainer=trainer)` keeps of a run.

        The history, how far the run and its epoch are, the states of callbacks, and how far the
        streams of chance have been drawn (shuffles, dropout): a run that is loaded goes on as it
        would have, also within an epoch.
        """
        return state_of(self)

    def load_state(self, state: State) -> None:
        """Go on from a state. Raises ArgumentError if it is of a trainer with other parts."""
        load_run_state(self, state)

    def _own_step(self) -> bool:
        return is_overridden(self, Trainer, "step")
