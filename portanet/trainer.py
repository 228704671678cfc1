"""Trainer: a step that can be read aloud, and the loop around it."""

from collections.abc import Callable
from typing import Any

from portanet.backends import backend_of
from portanet.checks import check_count, skip_value_checks
from portanet.compiler import CompiledEvaluation, CompiledStep
from portanet.data import Batches, DataLoader
from portanet.errors import ArgumentError
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.random import Key
from portanet.state import State
from portanet.typing import Array, Namespace

Metric = Callable[[Array, Array], Array]


class Trainer:
    """Trains a model on batches, and says after each epoch how it does on other data.

    `metric(predictions, y)` is computed over the whole validation set, on the device. Losses are
    summed on the device, too: the host waits for it once an epoch, for one copy of three numbers.

    With `compile` (the default) a step is compiled where the backend has an engine (NumPy, CuPy,
    JAX): the same arithmetic, traced from the layers as they are, checked against them, and
    replayed in place, so that parameters are written where they lie (see portanet.compile_step).
    What cannot be compiled is taken as it is written, and a warning says why.

    `history` has a row an epoch: {"loss": …, "val_loss": …, "val_metric": …}; without validation
    data or a metric the latter two are left out.

    Raises ArgumentError if the parts do not belong together, at once and not in the first step.

    >>> import numpy as np, portanet
    >>> from portanet import BCEWithLogits, Dataset, DataLoader, Linear, SGD, Sequential, accuracy
    >>> portanet.seed(0)
    >>> X = np.linspace(-1, 1, 64).reshape(-1, 1)
    >>> data = DataLoader(Dataset(X, X[:, 0] > 0), batch_size=16, shuffle=True)
    >>> model = Sequential([Linear(1, 1)], BCEWithLogits())
    >>> trainer = Trainer(model, SGD(model, lr=1.0), data, data, metric=accuracy)
    >>> trainer.train(20, log_level=10)
    epoch=  9 | loss= 0.209 | val_loss= 0.203 | val_metric= 1.000
    epoch= 19 | loss= 0.154 | val_loss= 0.151 | val_metric= 1.000
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer,
        train_dl: DataLoader,
        val_dl: DataLoader | None = None,
        metric: Metric | None = None,
        *,
        compile: bool = True,  # noqa: A002 - what people will type
    ) -> None:
        _check_parts(model, optimizer, train_dl, val_dl, metric)
        self.model, self.optimizer, self.metric = model, optimizer, metric
        self.train_dl, self.val_dl = train_dl, val_dl
        self.history: list[dict[str, float]] = []
        self._staged: dict[int, Batches] = {}
        self._evaluations: dict[int, CompiledEvaluation] = {}
        self.compiled = CompiledStep(model, optimizer) if compile else None

    def __getstate__(self) -> dict[str, Any]:
        # what is known by a loader's id would be another loader's in a copy
        return vars(self) | {"_staged": {}, "_evaluations": {}}

    def step(self, x: Array, y: Array) -> Array:
        """Forward, loss, backward, update. Returns the losses, shape (N,), on the device.

        It is always taken as it is written; `train` replays it compiled.
        """
        y_hat = self.model.forward(x, training=True)
        losses = self.model.criterion.forward(y_hat, y, training=True)
        self.model.backward()
        self.optimizer.step()
        return losses

    def train(self, n_epochs: int, log_level: int = 1) -> None:
        """Train for n_epochs, and print a row every log_level epochs (0: never)."""
        check_count("Trainer.train", "n_epochs", n_epochs, 0)
        check_count("Trainer.train", "log_level", log_level, 0)
        for _ in range(n_epochs):
            row = self._fetch(self._train_one_epoch() | self._evaluate(self.val_dl, "val_"))
            self.history.append(row)
            if log_level and len(self.history) % log_level == 0:
                print(format_row(len(self.history) - 1, row))

    def evaluate(self, dl: DataLoader) -> tuple[float, float | None]:
        """Return the mean loss over a loader's data, and the metric (None without one)."""
        row = self._fetch(self._evaluate(dl, ""))
        return row["loss"], row.get("metric")

    def state(self) -> State:
        """Return what `save(path, model, optimizer, trainer=trainer)` keeps of a run.

        The history, and how far the streams of chance have been drawn (shuffles, dropout): a run
        that is loaded goes on as it would have.
        """
        streams = [[*stream.key, at] for stream, at in self._streams()]
        return State({}, {"history": self.history, "streams": streams})

    def load_state(self, state: State) -> None:
        """Go on from a state. Raises ArgumentError if it is of a trainer with other parts."""
        streams = self._streams()
        if len(state.numbers["streams"]) != len(streams):
            raise ArgumentError(
                f"Trainer.load_state: the state must be of a trainer with {len(streams)} loaders "
                f"and layers that draw numbers, is of {len(state.numbers['streams'])}"
            )
        self.history = state.numbers["history"]
        for (stream, _), (*key, at) in zip(streams, state.numbers["streams"], strict=True):
            stream.key = Key(*key)
            setattr(stream, "epoch" if isinstance(stream, DataLoader) else "step", at)

    def _streams(self) -> list[tuple[Any, int]]:
        """Return the loaders and layers that draw numbers, and how often each has."""
        loaders = [dl for dl in (self.train_dl, self.val_dl) if dl is not None]
        parts = self.model.named_parts().values()
        layers: list[Any] = [p for p in parts if isinstance(getattr(p, "key", None), Key)]
        return [(dl, dl.epoch) for dl in loaders] + [(layer, layer.step) for layer in layers]

    def _train_one_epoch(self) -> dict[str, Array]:
        """Take a step with each batch; return the mean loss, on the device."""
        batches, total, weight = self._batches(self.train_dl), 0.0, 0
        if self.compiled is not None:
            with skip_value_checks():
                return {"loss": self.compiled.epoch(batches)}
        xp = batches.backend.xp
        with skip_value_checks():
            for x, y in batches:
                total = total + xp.sum(self.step(x, y))
                weight = weight + self._weight(xp, y)
        return {"loss": total / weight}

    def _evaluate(self, dl: DataLoader | None, prefix: str) -> dict[str, Array]:
        """Return the mean loss and the metric over all data of a loader, on the device."""
        if dl is None:
            return {}
        batches, criterion = self._batches(dl), self.model.criterion
        xp = batches.backend.xp
        found = None if self.compiled is None else self._compiled_evaluation(dl)(batches)
        if found is not None:
            return self._row_of(batches, found, prefix)
        losses, weight, predictions, targets = [], 0, [], []
        with skip_value_checks():
            for x, y in batches:
                y_hat = self.model.forward(x)
                losses.append(criterion.forward(y_hat, y))
                weight = weight + self._weight(xp, y)
                predictions.append(criterion.link(y_hat))
                targets.append(y)
        row = {f"{prefix}loss": xp.sum(xp.concat(losses)) / weight}
        if self.metric is not None:
            row[f"{prefix}metric"] = self.metric(xp.concat(predictions), xp.concat(targets))
        return row

    def _compiled_evaluation(self, dl: DataLoader) -> CompiledEvaluation:
        if id(dl) not in self._evaluations:
            self._evaluations[id(dl)] = CompiledEvaluation(self.model, self.metric)
        return self._evaluations[id(dl)]

    def _row_of(self, batches: Batches, found: dict[str, Array], prefix: str) -> dict[str, Array]:
        """Return the row of an evaluation that was compiled."""
        n_samples = found["predictions"].shape[0]
        row = {f"{prefix}loss": found["loss"] / found.get("weight", n_samples)}
        if "metric" in found:
            row[f"{prefix}metric"] = found["metric"]
        elif self.metric is not None:
            with skip_value_checks():
                metric = self.metric(found["predictions"], batches.y[:n_samples])
            row[f"{prefix}metric"] = metric
        return row

    def _weight(self, xp: Namespace, y: Array) -> Any:
        """Return what a batch counts in the epoch's mean: its samples, or their weights."""
        weights = self.model.criterion.weight_of(y)
        return y.shape[0] if weights is None else xp.sum(weights)

    def _fetch(self, row: dict[str, Array]) -> dict[str, float]:
        """Return the numbers on the host: the one copy from the device an epoch."""
        backend = backend_of(next(iter(row.values())))
        values = [backend.xp.reshape(v, ()) for v in row.values()]
        dtype = values[0].dtype
        together = backend.xp.stack([backend.xp.astype(v, dtype) for v in values])
        return dict(zip(row, map(float, backend.to_numpy(together)), strict=True))

    def _batches(self, dl: DataLoader) -> Batches:
        """Return a loader's batches where the model lies now; staged anew if it has moved."""
        staged = self._staged.get(id(dl))
        if staged is None or (staged.backend, staged.dtype) != (
            self.model.backend,
            self.model.dtype,
        ):
            staged = self._staged[id(dl)] = dl.to(self.model)
        return staged


def format_row(epoch: int, row: dict[str, float]) -> str:
    """Return an epoch's numbers as the blog prints them.

    >>> format_row(0, {"loss": 0.62, "val_loss": 0.547, "val_metric": 0.904})
    'epoch=  0 | loss= 0.620 | val_loss= 0.547 | val_metric= 0.904'
    """
    return " | ".join(
        [f"epoch= {epoch:2d}", *(f"{name}= {value:.3f}" for name, value in row.items())]
    )


def _check_parts(model: Any, optimizer: Any, train_dl: Any, val_dl: Any, metric: Any) -> None:
    if not isinstance(model, Sequential) or model.criterion is None:
        raise ArgumentError(
            "Trainer: model must be a network with a loss, Sequential(layers, criterion), is "
            f"{model!r}"
        )
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"Trainer: optimizer must be one such as SGD(model, lr=0.1), is {optimizer!r}"
        )
    if optimizer.model is not model:
        raise ArgumentError(
            "Trainer: optimizer must be made for this model; it was made for another, which it "
            "would train instead: SGD(model, ...)"
        )
    for name, dl in (("train_dl", train_dl), ("val_dl", val_dl)):
        if not isinstance(dl, DataLoader) and not (dl is None and name == "val_dl"):
            raise ArgumentError(
                f"Trainer: {name} must be a DataLoader(Dataset(X, y), batch_size), is {dl!r}"
            )
    if metric is not None and not callable(metric):
        raise ArgumentError(f"Trainer: metric must be a function such as accuracy, is {metric!r}")
