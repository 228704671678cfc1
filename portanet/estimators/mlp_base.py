"""BaseMLP: what MLPClassifier and MLPRegressor share, the fit and the forward pass."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import dtype_name
from portanet.errors import ArgumentError, DataError
from portanet.estimators.base import NetworkEstimator
from portanet.estimators.mlp_lbfgs import fit_lbfgs
from portanet.estimators.mlp_network import MLPForm, MLPNetwork, initial_arrays
from portanet.estimators.mlp_stochastic import fit_stochastic
from portanet.estimators.mlp_workspace import (
    OptimizerState,
    Setting,
    Workspace,
    give_back,
    workspace_for,
)
from portanet.part import moved
from portanet.typing import Array

FLOATS = (np.float64, np.float32)


class BaseMLP(NetworkEstimator):
    """The fit of scikit-learn's MLPs, and its attributes.

    coefs_, intercepts_  the weights (n_inp, n_out) and biases (n_out,) of each layer, where the
                         network lies; `model_` is a network of these arrays
    _optimizer           what the optimizer remembers: partial_fit goes on from it
    """

    coefs_: list[Array]
    intercepts_: list[Array]
    _stratifies: ClassVar[bool] = False
    _optimizer: OptimizerState | None = None
    _network: MLPNetwork | None = None
    _workspace: Workspace | None = None

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "backend": [str, None],
        "device": "no_validation",
        "dtype": [StrOptions({"float32", "float64"}), None],
        "compile": ["boolean"],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags

    @property
    def model_(self) -> MLPNetwork:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A network of the arrays coefs_ and intercepts_."""
        network = self._network
        if network is None or not network.holds(self.coefs_, self.intercepts_):
            network = self._network = self._form().network()
            network.assign(self.coefs_, self.intercepts_)
        return network

    def to_backend(self, name: str, *, device: Any = None) -> Self:
        """Move the fitted network, and what its optimizer remembers; see NetworkEstimator."""
        self._workspace = None
        return super().to_backend(name, device=device)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: state[name] for name in state if name not in ("_network", "_workspace")}

    # fitting

    def network_place(self, X: Array) -> tuple[Backend, str]:
        """Return the backend and dtype of the network: without `dtype` float32, for lbfgs X's."""
        place, dtype = super().network_place(X)
        return place, dtype if self.dtype is not None or self.solver == "lbfgs" else "float32"

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
        setting = self._setting()
        workspace = self._workspace
        if workspace is None or workspace.setting != setting:
            workspace = workspace_for(setting)
        workspace.begin(self.coefs_, self.intercepts_, self.learning_rate_init)
        if once and self._optimizer is not None:
            workspace.go_on(self._optimizer)
        fit_stochastic(self, workspace, X, y, weights, once=once)
        self._optimizer = workspace.optimizer_state()
        self._workspace = None
        if workspace.may_wait():
            give_back(workspace)
        elif once:
            self._workspace = workspace

    def _fit_lbfgs(self, X: Any, y: Any, weights: Any) -> None:
        network = self._form().network()
        network.assign(self.coefs_, self.intercepts_)
        backend, dtype = network.placement
        X = X.toarray() if hasattr(X, "toarray") else X
        y, weights = (None if a is None else backend.asarray(a, dtype) for a in (y, weights))
        fit_lbfgs(self, network, backend.asarray(X, dtype), y, weights)

    def _form(self) -> MLPForm:
        arrays = [*self.coefs_]
        units = (arrays[0].shape[0], *(w.shape[1] for w in arrays))
        return MLPForm(units, self.activation, self.out_activation_, float(self.alpha))

    def _setting(self) -> Setting:
        """Return everything that a step depends on, but the data."""
        first = self.coefs_[0]
        here = backend_of(first)
        options = {"momentum": float(self.momentum), "nesterov": bool(self.nesterovs_momentum)}
        if self.solver == "adam":
            options = {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
        rule = self.solver, tuple(options.items())
        place = here.name, here.device
        return Setting(self._form(), rule, place, dtype_name(first.dtype), bool(self.compile))

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

    # predicting

    def _checked(self, method: str, X: Any) -> Array:
        """Return X, looked at as scikit-learn does; what needs no look costs little."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        if not self._is_plain(X):
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        self.check_place(method, X)
        return X

    def _is_plain(self, X: Any) -> bool:
        """Return whether X is an array of finite floats that validate_data would return as it is."""
        return (
            type(X) is np.ndarray
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X.sum()))
        )


def _there(x: Any, place: Backend) -> Any:
    """Return X, y or weights on the host or at a place, from where the fit takes them.

    NumPy arrays and sparse matrices stay: they are cast and moved where batches are made.
    """
    if x is None or isinstance(x, np.ndarray) or hasattr(x, "toarray"):
        return x
    return moved(x, place, dtype_name(x.dtype))


def _is_finite(x: Array) -> bool:
    xp = array_namespace(x)
    return bool(xp.all(xp.isfinite(x)))
