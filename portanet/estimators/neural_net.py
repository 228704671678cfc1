"""NeuralNet: what the estimators around any network share: parameters, and training."""

from collections.abc import Callable, Sequence
from typing import Any, Self

from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from portanet.callbacks import Callback
from portanet.checks import dtype_name
from portanet.data import DataLoader
from portanet.errors import ArgumentError, ShapeError
from portanet.estimators.base import home_of
from portanet.estimators.neural_net_making import MadeOfParts
from portanet.estimators.neural_net_parts import optimizer_beside
from portanet.estimators.neural_net_training import Samples, loader, split
from portanet.loss import Loss
from portanet.optimizer import Optimizer
from portanet.part import moved
from portanet.rule import Schedule
from portanet.trainer import Trainer
from portanet.typing import Array


class NeuralNet(MadeOfParts):
    """What NeuralNetClassifier and NeuralNetRegressor share; they say what the parameters are."""

    _of_classes = False
    _trainer: Trainer | None = None  # after partial_fit, for the next one

    def __init__(
        self,
        module: Any,
        *,
        criterion: Loss | type[Loss] | None = None,
        optimizer: str | Callable[..., Optimizer] = "adam",
        learning_rate: float | Schedule = 1e-3,
        optimizer_options: dict[str, Any] | None = None,
        batch_size: int = 128,
        max_epochs: int = 10,
        shuffle: bool = True,
        drop_last: bool = False,
        validation_fraction: float = 0.0,
        callbacks: Sequence[Callback] | None = None,
        metric: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        backend: str | None = None,
        device: Any = None,
        dtype: str | None = None,
        compile: bool = True,  # noqa: A002 - what people will type
        verbose: int = 0,
        **module__options: Any,
    ) -> None:
        self.module, self.criterion, self.metric = module, criterion, metric
        self.optimizer, self.learning_rate = optimizer, learning_rate
        self.optimizer_options, self.callbacks = optimizer_options, callbacks
        self.batch_size, self.max_epochs = batch_size, max_epochs
        self.shuffle, self.drop_last = shuffle, drop_last
        self.validation_fraction, self.warm_start = validation_fraction, warm_start
        self.random_state = random_state
        self.backend, self.device, self.dtype = backend, device, dtype
        self.compile, self.verbose = compile, verbose
        self._set_options(module__options)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network for max_epochs, and return self.

        X (N, F), also sparse, or (N, ...) for networks that take such samples. `sample_weight`
        (N,), numbers >= 0, are the samples' weights in the loss. With `warm_start` the network of
        the last fit goes on, with its optimizer.

        Raises ValueError or TypeError for data that make no sense, ArgumentError for parameters.
        """
        going_on = self.warm_start and hasattr(self, "model_")
        samples = self._samples(X, y, sample_weight, going_on=going_on, classes_known=going_on)
        self._run(self._begin(samples, going_on=going_on), self.max_epochs)
        self._trainer = None
        return self

    def _fit_partly(
        self, X: Any, y: Any, sample_weight: Any, *, classes_known: bool = False
    ) -> Self:
        going_on = hasattr(self, "model_")
        samples = self._samples(X, y, sample_weight, going_on=going_on, classes_known=classes_known)
        self._trainer = self._begin(samples, going_on=going_on)
        self._run(self._trainer, 1)
        return self

    def _run(self, trainer: Trainer, n_epochs: int) -> None:
        try:
            trainer.train(n_epochs, log_level=int(self.verbose))
        except ArgumentError as error:
            if "val_" in str(error) and self.validation_fraction == 0:
                error.add_note("There is a val_loss with validation_fraction=0.1, say")
            raise

    def _targets(self, X: Array, y: Any, *, classes_known: bool) -> Array:
        """Return y as numbers for the loss, where X lies."""
        raise NotImplementedError

    def _samples(
        self, X: Any, y: Any, sample_weight: Any, *, going_on: bool, classes_known: bool
    ) -> Samples:
        """Return checked data, on the backend of X."""
        X, y = validate_data(
            self, X, y, reset=not going_on, accept_sparse="csr", allow_nd=True, dtype="numeric",
            multi_output=True, y_numeric=not self._of_classes,
        )  # fmt: skip
        if going_on:
            self._check_input("fit", X)
        targets = self._targets(X, y, classes_known=classes_known)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            sample_weight = moved(sample_weight, home_of(X), dtype_name(sample_weight.dtype))
        return Samples(X, targets, sample_weight)

    def _begin(self, samples: Samples, *, going_on: bool) -> Trainer:
        """Return a trainer on samples, of a new network or of the one that goes on."""
        if not going_on:
            self._make(samples.X)
            self._trainer = None
        train_dl, val_dl = self._loaders(samples)
        if self._trainer is not None:
            self._trainer.train_dl, self._trainer.val_dl = train_dl, val_dl
            return self._trainer
        trainer = Trainer(
            self.model_, self.optimizer_, train_dl, val_dl, self.metric,
            callbacks=self.callbacks_, compile=self.compile,
        )  # fmt: skip
        trainer.history = self.history_
        return trainer

    def _loaders(self, samples: Samples) -> tuple[DataLoader, DataLoader | None]:
        who, seed = type(self).__name__, self._seed
        fraction = self.validation_fraction
        train, val = split(who, samples, fraction, seed, stratified=self._of_classes)
        train_dl = loader(who, train, self.batch_size, seed, shuffle=self.shuffle)
        train_dl.drop_last = self.drop_last
        train_dl.epoch = len(self.history_)  # each epoch's order is its own, also in a later call
        if val is not None:
            return train_dl, loader(who, val, self.batch_size, seed, shuffle=False)
        if self.metric is not None:
            raise ArgumentError(
                f"{who}: metric is computed with the samples that validation_fraction keeps, which "
                "is 0; give validation_fraction=0.1, say, or no metric"
            )
        return train_dl, None

    def _predicted(self, method: str, X: Any, what: str) -> tuple[Array, Array]:
        """Return checked inputs, and what the network says of them, of the kind of X."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", allow_nd=True, dtype="numeric")
        self._check_input(method, X)
        return X, self.like(X, getattr(self.model_, what)(self._fed(X)))

    def _check_input(self, method: str, X: Array) -> None:
        self.check_place(method, X)
        if tuple(X.shape[1:]) != self._sample_shape:
            wanted = ", ".join(map(str, ("N", *self._sample_shape)))
            raise ShapeError(
                f"{type(self).__name__}.{method}(): X must be ({wanted}), as in fit, is "
                f"{tuple(X.shape)}"
            )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_trainer", None)
        if state.get("model_") is not vars(self).get("model_"):  # a copy, on the host
            state["optimizer_"] = optimizer_beside(self.optimizer_, state["model_"])
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = tags.input_tags.sparse = True
        return tags
