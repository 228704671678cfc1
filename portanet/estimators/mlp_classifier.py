"""MLPClassifier, which drops in for scikit-learn's."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import validate_data

from portanet.backends import array_namespace, backend_of
from portanet.errors import DataError
from portanet.estimators.base import home_of
from portanet.estimators.mlp_base import BaseMLP
from portanet.estimators.mlp_fitted import floats_like
from portanet.estimators.mlp_forward import outputs
from portanet.estimators.mlp_network import MLPNetwork
from portanet.estimators.mlp_targets import Targets
from portanet.part import moved
from portanet.typing import Array


class MLPClassifier(ClassifierMixin, BaseMLP):
    """scikit-learn's multi-layer perceptron for classes, faster, and on a GPU.

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

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(max_iter=1000, random_state=0).fit(X, y)
    >>> classifier.predict(X[:3]).tolist(), round(classifier.score(X, y), 2)
    ([0, 0, 0], 0.98)
    """

    _stratifies: ClassVar[bool] = True
    _targets: Targets

    def __init__(
        self,
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
        self.hidden_layer_sizes, self.activation = hidden_layer_sizes, activation
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
        """Fit to samples X (N, n_features) and labels y, (N,), or (N, K) of 0 and 1."""
        return self._fit(X, y, sample_weight, once=False)

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Take one more epoch, with X and y; `classes` are all classes, given at the first call."""
        if _check_partial_fit_first_call(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._targets = Targets(y if several else np.asarray(classes))
        return self._fit(X, y, sample_weight, once=True)

    def predict(self, X: Any) -> Array:
        """Return the most probable labels of samples: (N,), or (N, K) of 0 and 1."""
        X = self._checked("predict", X)
        return self.like(X, self._predicted(self.model_, X))

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (N, n_classes), in the order of classes_."""
        return self._probabilities("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of predict_proba(X)."""
        p = self._probabilities("predict_log_proba", X)
        return array_namespace(p).log(p)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _probabilities(self, method: str, X: Any) -> Array:
        X = self._checked(method, X)
        network = self.model_
        y_hat = outputs(network, X)
        p = network.criterion.link(y_hat)
        if p.shape[1] == 1:
            p = array_namespace(p).concat([1 - p, p], axis=1)
        return self.like(X, p)

    def _predicted(self, network: MLPNetwork, X: Array) -> Array:
        return self._targets.decode(outputs(network, X))

    def _labels(self, y: Array) -> Array:
        """Return what encode has made columns of."""
        return self._targets.decode(y)

    @staticmethod
    def _metric(y: Any, predicted: Any, sample_weight: Any) -> float:
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def _output(self) -> str:
        return self._targets.output

    def _validated(self, X: Any, y: Any, *, once: bool, first: bool) -> tuple[Array, Array]:
        """Return X, and y as columns; note the classes, or raise unless y has the known ones."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=floats_like(X),
            reset=first,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or once):
            self._targets = Targets(y)
            self.classes_ = self._targets.classes
        else:
            self._check_classes(y)
        return X, moved(self._targets.encode(y), home_of(X), "bool")

    def _check_classes(self, y: Array) -> None:
        classes = unique_labels(y)
        known, given = _set_of(self.classes_), _set_of(classes)
        if self.warm_start and given != known:
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        if not given <= known:
            raise DataError(
                "`y` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. 'y' has {classes}."
            )


def _set_of(classes: Array) -> set[Any]:
    """Return the classes on the host."""
    return set(backend_of(classes).to_numpy(classes).tolist())
