"""BaseMLP: the fit that MLPClassifier and MLPRegressor share."""

from math import ceil, inf, prod
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import dtype_name
from portanet.errors import ArgumentError, DataError
from portanet.estimators.mlp_fitted import FittedMLP
from portanet.estimators.mlp_lbfgs import fit_lbfgs
from portanet.estimators.mlp_network import MLPForm, initial_arrays
from portanet.estimators.mlp_parameters import CONSTRAINTS
from portanet.estimators.mlp_stochastic import fit_stochastic
from portanet.estimators.mlp_workspace import (
    Setting,
    Workspace,
    give_back,
    workspace_for,
)
from portanet.part import moved
from portanet.typing import Array

_PAYS = 64  # steps: as long as it takes to trace one and to verify it
_LONG = 200  # batches of an epoch
_DENSE = 2**24  # numbers of a sparse matrix that is made dense at once: 64 MB in float32


class BaseMLP(FittedMLP):
    """The fit of scikit-learn's MLPs, and its attributes."""

    hidden_layer_sizes: Any
    batch_size: Any
    random_state: Any
    solver: str
    learning_rate_init: float
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int
    warm_start: bool
    early_stopping: bool

    _stratifies: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    def _output(self) -> str:
        """Return the link of the outputs."""
        raise NotImplementedError

    def _validated(self, X: Any, y: Any, *, once: bool, first: bool) -> tuple[Array, Array]:
        """Return X, and y as columns."""
        raise NotImplementedError

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, once: bool) -> Self:
        """Fit, or with `once` take one more epoch."""
        first = not hasattr(self, "coefs_") or not (self.warm_start or once)
        hidden = self._hidden()
        X, y = self._validated(X, y, once=once, first=first)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        if once and self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True")
        self.follow(X)
        self._random_state = check_random_state(self.random_state)
        place, dtype = self.network_place(X)
        self.n_outputs_ = y.shape[1]
        if first:
            self._begin((X.shape[1], *hidden, self.n_outputs_), place, dtype)
        data = (_there(X, place), _there(y, place), _there(weights, place))
        if self.solver == "lbfgs":
            self._fit_lbfgs(*data)
        else:
            self._fit_stochastic(*data, once=once)
        self._network = self._network if once else None
        self._network = self.model_  # predictions change no attribute
        if not all(map(_is_finite, (*self.coefs_, *self.intercepts_))):
            raise DataError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        return self

    def _begin(self, units: tuple[int, ...], place: Backend, dtype: str) -> None:
        """Draw the weights, and set the counters and curves to their start."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_, self.out_activation_ = len(units), self._output()
        form = MLPForm(units, self.activation, self.out_activation_)
        drawn = initial_arrays(form, self._random_state, dtype)
        self.coefs_, self.intercepts_ = ([place.asarray(w) for w in arrays] for arrays in drawn)
        self._optimizer = None
        if self.solver == "lbfgs":
            return
        stops = self.early_stopping
        self.loss_curve_: list[float] = []
        self._no_improvement_count = 0
        self.best_loss_ = None if stops else np.inf
        self.validation_scores_: list[float] | None = [] if stops else None
        self.best_validation_score_ = -np.inf if stops else None

    def _fit_stochastic(self, X: Any, y: Any, weights: Any, *, once: bool) -> None:
        n_batches = ceil(X.shape[0] / self._batch_size(X))
        setting = self._setting(inf if once else self.max_iter * n_batches)
        is_long = not once and n_batches >= _LONG
        to_come = self.max_iter * n_batches if is_long else 0  # even if it ends early
        workspace = self._workspace_for(setting, to_come, once=once)
        fit_stochastic(self, workspace, X, y, weights, once=once)
        self._optimizer = workspace.optimizer_state()
        self._workspace = workspace if once else None
        if not once:
            give_back(workspace)

    def _workspace_for(self, setting: Setting, to_come: int, *, once: bool) -> Workspace:
        """Return a workspace that holds the weights, and for partial_fit the optimizer's memory."""
        kept = self._workspace
        if once and kept is not None and kept.setting == setting and kept.left(self.coefs_):
            return kept
        workspace = workspace_for(setting)
        workspace.begin(self.coefs_, self.intercepts_, self.learning_rate_init, to_come)
        if once and self._optimizer is not None:
            workspace.go_on(self._optimizer)
        return workspace

    def _batch_size(self, X: Any) -> int:
        """Return how many samples a batch has."""
        return min(200 if self.batch_size == "auto" else self.batch_size, X.shape[0])

    def _fit_lbfgs(self, X: Any, y: Any, weights: Any) -> None:
        network = self._form().network()
        network.assign(self.coefs_, self.intercepts_)
        backend, dtype = network.placement
        X = X.toarray() if hasattr(X, "toarray") else X
        y, weights = (None if a is None else backend.asarray(a, dtype) for a in (y, weights))
        fit_lbfgs(self, network, backend.asarray(X, dtype), y, weights)

    def _setting(self, n_steps: float) -> Setting:
        """Return everything that a step depends on, but the data; few steps are not compiled."""
        first = self.coefs_[0]
        here = backend_of(first)
        options = {"momentum": float(self.momentum), "nesterov": bool(self.nesterovs_momentum)}
        if self.solver == "adam":
            options = {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
        rule = self.solver, tuple(options.items())
        place = here.name, here.device
        compiles = bool(self.compile) and n_steps >= _PAYS
        return Setting(self._form(), rule, place, dtype_name(first.dtype), compiles)

    def _hidden(self) -> tuple[int, ...]:
        """Return the numbers of hidden units."""
        sizes = self.hidden_layer_sizes
        sizes = tuple(sizes) if hasattr(sizes, "__iter__") else (sizes,)
        if any(size <= 0 for size in sizes):
            raise ArgumentError(f"hidden_layer_sizes must be > 0, got {list(sizes)}.")
        return tuple(int(size) for size in sizes)

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not "
                "stochastic."
            )
        return True


def _there(x: Any, place: Backend) -> Any:
    """Return X, y or weights on the host or at a place, from where the fit takes them.

    NumPy arrays and large sparse matrices stay: they are cast and moved where batches are made.
    """
    if hasattr(x, "toarray") and prod(x.shape) <= _DENSE:
        return x.toarray()
    if x is None or isinstance(x, np.ndarray) or hasattr(x, "toarray"):
        return x
    return moved(x, place, dtype_name(x.dtype))


def _is_finite(x: Array) -> bool:
    xp = array_namespace(x)
    return bool(xp.all(xp.isfinite(x)))
