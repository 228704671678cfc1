"""NeuralNetRegressor: any network as a regressor of scikit-learn's."""

from typing import Any, Self

from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from portanet.checks import dtype_name, is_integer
from portanet.errors import ArgumentError
from portanet.estimators.base import home_of
from portanet.estimators.neural_net import NeuralNet
from portanet.loss import Loss
from portanet.losses import MSE
from portanet.part import moved
from portanet.typing import Array


class NeuralNetRegressor(RegressorMixin, NeuralNet):
    """Any network as a regressor of scikit-learn's, for one target (N,) or several (N, K).

    The parameters are NeuralNetClassifier's. `criterion` is MSE unless the network has a loss of
    its own or one is given, and n_outputs is the number of targets. Targets are taken as they are:
    what is far from 0 and 1 is best scaled, TransformedTargetRegressor(net, StandardScaler()).

    After fit there are `model_`, `history_`, `optimizer_`, `callbacks_` and `n_features_in_`.

    Raises as NeuralNetClassifier does.

    >>> import numpy as np
    >>> from portanet import Linear
    >>> X = np.linspace(-1, 1, 64).reshape(-1, 1)
    >>> net = NeuralNetRegressor([Linear(1, 1)], learning_rate=0.1, max_epochs=100, random_state=0)
    >>> net.fit(X, 2 * X[:, 0] + 1).predict([[0.0], [1.0]]).round(2)
    array([1., 3.])
    """

    _n_targets: int

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Take the samples once, in batches, and return self; the first call makes the network."""
        return self._fit_partly(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """Return the prediction for each sample (N,), of several targets (N, K)."""
        return self._predicted("predict", X, "predict")[1]

    def _targets(self, X: Array, y: Any, *, classes_known: bool) -> Array:  # noqa: ARG002
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        self._n_targets = 1 if y.ndim == 1 else y.shape[1]
        return moved(y, home_of(X), dtype_name(y.dtype))

    def _default_criterion(self) -> type[Loss]:
        return MSE

    def _n_outputs(self, criterion: Loss) -> int:  # noqa: ARG002
        return self._n_targets

    def _check_outputs(self, outputs: Array) -> None:
        super()._check_outputs(outputs)
        criterion = self.model_.criterion
        if is_integer(criterion.decisions(outputs)):
            raise ArgumentError(
                f"{type(self).__name__}: criterion must be a loss of numbers, is {criterion!r}; "
                "for labels there is NeuralNetClassifier"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
