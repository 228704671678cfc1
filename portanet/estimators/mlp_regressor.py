"""MLPRegressor, which drops in for scikit-learn's."""

from typing import Any, ClassVar, Self

from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from portanet.backends import array_namespace
from portanet.estimators.mlp_base import BaseMLP
from portanet.estimators.mlp_fitted import floats_like
from portanet.estimators.mlp_forward import outputs
from portanet.estimators.mlp_network import MLPNetwork
from portanet.targets import without_column
from portanet.typing import Array


class MLPRegressor(RegressorMixin, BaseMLP):
    """scikit-learn's multi-layer perceptron for numbers, faster, and on a GPU.

    loss="squared_error" or "poisson" (expected counts, the exponential of the output).

    Parameters, attributes and results are scikit-learn's, whose documentation holds here, too; the
    same numbers are drawn from `random_state`, and a fit is scikit-learn's up to rounding. With
    dtype="float32" float64 data are computed with in float32, which is faster.

    Beside them are

    backend   where the network trains and stays: "numpy", "cupy", "torch", "jax" (None: where X is)
    device    the device there, such as 1 for the second GPU
    dtype     what it computes in: "float32" or "float64" (None: X's)
    compile   whether steps are compiled, where the backend has an engine

    and the attribute `model_`, the portanet network; `to_backend` moves a fitted estimator.

    Raises scikit-learn's InvalidParameterError (a ValueError) for parameters out of their range,
    and ValueError for data that do not fit.

    Source: Hinton, "Connectionist learning procedures", 1989; sklearn.neural_network, scikit-learn
    1.9 (BSD-3-Clause).

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> regressor = MLPRegressor(max_iter=2000, learning_rate_init=0.01, random_state=0)
    >>> round(regressor.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2), 2)
    0.98
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        backend: str | None = None,
        device: Any = None,
        dtype: str | None = None,
        compile: bool = True,  # noqa: A002 - what people will type
    ) -> None:
        self.loss, self.hidden_layer_sizes, self.activation = loss, hidden_layer_sizes, activation
        self.solver, self.alpha, self.batch_size = solver, alpha, batch_size
        self.learning_rate, self.learning_rate_init = learning_rate, learning_rate_init
        self.power_t, self.max_iter, self.shuffle = power_t, max_iter, shuffle
        self.random_state, self.tol, self.verbose = random_state, tol, verbose
        self.warm_start, self.momentum = warm_start, momentum
        self.nesterovs_momentum, self.early_stopping = nesterovs_momentum, early_stopping
        self.validation_fraction, self.beta_1, self.beta_2 = validation_fraction, beta_1, beta_2
        self.epsilon, self.n_iter_no_change, self.max_fun = epsilon, n_iter_no_change, max_fun
        self.backend, self.device, self.dtype = backend, device, dtype
        self.compile = compile

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to samples X (N, n_features) and numbers y, (N,) or (N, K)."""
        return self._fit(X, y, sample_weight, once=False)

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Take one more epoch, with X and y."""
        return self._fit(X, y, sample_weight, once=True)

    def predict(self, X: Any) -> Array:
        """Return the numbers that are predicted for samples, (N,) or (N, K)."""
        X = self._checked("predict", X)
        return self.like(X, self._predicted(self.model_, X))

    def _predicted(self, network: MLPNetwork, X: Array) -> Array:
        return without_column(network.criterion.link(outputs(network, X)))

    def _labels(self, y: Array) -> Array:
        """Return targets as predictions are compared with them."""
        return without_column(y)

    @staticmethod
    def _metric(y: Any, predicted: Any, sample_weight: Any) -> float:
        from sklearn.metrics import r2_score

        return float(r2_score(y, predicted, sample_weight=sample_weight))

    def _output(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _validated(self, X: Any, y: Any, *, once: bool, first: bool) -> tuple[Array, Array]:  # noqa: ARG002
        """Return X, and y as columns."""
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True,
            dtype=floats_like(X), reset=first,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, array_namespace(y).reshape(y, (-1, 1)) if y.ndim == 1 else y
