"""MadeOfParts: an estimator whose network, loss, optimizer and callbacks are made of parameters."""

from copy import deepcopy
from typing import Any

from sklearn.utils import check_random_state

from portanet.callbacks import Callback
from portanet.checks import FLOATS, dtype_name
from portanet.data.rows import rows_of
from portanet.errors import ArgumentError, ShapeError, short
from portanet.estimators.base import NetworkEstimator, home_of
from portanet.estimators.neural_net_options import WithPrefixes
from portanet.estimators.neural_net_parts import make_criterion, make_network, make_optimizer
from portanet.loss import Loss
from portanet.optimizer import Optimizer
from portanet.part import moved
from portanet.prediction import Predictor
from portanet.random import streams_of
from portanet.sequential import Sequential
from portanet.training.hooks import check_callbacks
from portanet.typing import Array


class MadeOfParts(WithPrefixes, NetworkEstimator):
    """Makes a network, its loss and its optimizer, as the parameters and the data say.

    A subclass says which loss is the default, and how many outputs there must be.
    """

    prefixes = ("module", "criterion", "optimizer")
    module: Any
    criterion: Any
    optimizer: Any
    learning_rate: Any
    optimizer_options: dict[str, Any] | None
    callbacks: Any
    random_state: Any
    optimizer_: Optimizer
    callbacks_: list[Callback]
    history_: list[dict[str, float]]
    _seed: int
    _sample_shape: tuple[int, ...]

    def _make(self, X: Array) -> None:
        """Make network, loss, optimizer and callbacks for inputs like X."""
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._sample_shape = tuple(X.shape[1:])
        with streams_of(self._seed):
            self.model_ = self._network()
        backend, dtype = self.network_place(X)
        known = dtype if dtype in FLOATS or self.dtype is not None else None  # X may be integers
        self.model_.to(backend.name, device=backend.device, dtype=known)
        self.follow(X)
        self._check_outputs(
            Predictor(self.model_).outputs(self._fed(rows_of(X, slice(0, 1))), 1)[0]
        )
        self.optimizer_ = make_optimizer(
            type(self).__name__, self.optimizer, self.model_, self.learning_rate,
            self._optimizer_options(),
        )  # fmt: skip
        self.callbacks_ = check_callbacks(
            deepcopy([] if self.callbacks is None else self.callbacks)
        )
        self.history_ = []

    def _optimizer_options(self) -> dict[str, Any]:
        """Return the options of the dict and of the prefix, which is stronger."""
        given = {} if self.optimizer_options is None else self.optimizer_options
        if not isinstance(given, dict):
            raise ArgumentError(
                f"{type(self).__name__}: optimizer_options must be a dict such as "
                f"{{'weight_decay': 0.01}}, is {short(given)}"
            )
        return {**given, **self.options_of("optimizer")}

    def _network(self) -> Sequential:
        shape, criterion = self._sample_shape, self._criterion()
        n_features = shape[0] if len(shape) == 1 else shape
        n_outputs, options = self._n_outputs(criterion), self.options_of("module")
        model = make_network(type(self).__name__, self.module, n_features, n_outputs, options)
        if model.criterion is None or self._says_criterion():
            model.criterion = criterion
            criterion.check_last_layer(model)
        return model

    def _criterion(self) -> Loss:
        """Return a new loss: as the parameters say, else the given network's, else the default."""
        given, own = self.criterion, getattr(self.module, "criterion", None)
        if not self._says_criterion() and isinstance(own, Loss):
            return own
        given = self._default_criterion() if given is None else given
        return make_criterion(type(self).__name__, given, self.options_of("criterion"))

    def _says_criterion(self) -> bool:
        return self.criterion is not None or bool(self.options_of("criterion"))

    def _fed(self, X: Array) -> Array:
        """Return X as the network takes it: from the host it goes there batch by batch."""
        here = home_of(X)
        there = self.model_.backend
        return X if here.name == "numpy" or here is there else moved(X, there, dtype_name(X.dtype))

    def _default_criterion(self) -> type[Loss]:
        raise NotImplementedError

    def _n_outputs(self, criterion: Loss) -> int:
        raise NotImplementedError

    def _check_outputs(self, outputs: Array) -> None:
        """Raise unless a new network's outputs for one sample are what y asks for."""
        wanted, came = (1, self._n_outputs(self.model_.criterion)), tuple(outputs.shape)
        if came != wanted:
            raise ShapeError(
                f"{type(self).__name__}: for this y module must give (N, {wanted[1]}), gives "
                f"({', '.join(map(str, ('N', *came[1:])))}); the last layer is "
                f"{self.model_.layers[-1]!r}"
            )
