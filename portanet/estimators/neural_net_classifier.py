"""NeuralNetClassifier: any network as a classifier of scikit-learn's."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from portanet.checks import is_integer
from portanet.errors import ArgumentError, DataError
from portanet.estimators.base import home_of
from portanet.estimators.labels import codes_of, decoded, encoded
from portanet.estimators.neural_net import NeuralNet
from portanet.loss import Loss
from portanet.losses import BCEWithLogits, CrossEntropy
from portanet.overrides import is_overridden
from portanet.part import moved
from portanet.typing import Array


def _gives_probabilities(estimator: Any) -> bool:
    """Return whether a classifier's loss gives probabilities: hinge losses do not."""
    criterion = estimator.criterion
    if hasattr(estimator, "model_"):
        criterion = estimator.model_.criterion
    if isinstance(criterion, type):
        return getattr(criterion, "probabilities", None) is not Loss.probabilities
    return not isinstance(criterion, Loss) or is_overridden(criterion, Loss, "probabilities")


class NeuralNetClassifier(ClassifierMixin, NeuralNet):
    """Any network as a classifier of scikit-learn's, for labels of any kind, or several of 0 and 1.

    module         a function (n_features, n_outputs, **module__ options) that returns a network or
                   a list of layers; n_features is a number for X (N, F), else a sample's shape,
                   such as (C, H, W). Or a network, or layers: each fit makes one like it, with
                   weights drawn anew
    criterion      the loss, or its class (None: the network's own, else CrossEntropy, for several
                   labels BCEWithLogits). Losses of two classes get one output: n_outputs is 1
    optimizer      a name ("adam", "sgd", "adamw" …), a class, or a function (model, lr, **options)
    learning_rate  a number > 0, or a schedule (portanet.schedules)
    batch_size     samples a step; max_epochs: how often all of them are taken; shuffle: each time
                   in another order; drop_last: an epoch ends before a batch that would be shorter
    validation_fraction  the share of samples, in [0, 1), that is kept for val_loss and val_metric,
                   of each class alike; 0: all of them train
    callbacks      of portanet.callbacks; each fit works with copies, `callbacks_`
    metric         metric(predictions, y), or a dict of them; y are class indices 0, 1 …
    warm_start     a second fit goes on from the first
    random_state   as everywhere in scikit-learn: for weights, shuffles, dropout, the validation
    backend, device, dtype   where the network trains (None: where X lies, in X's dtype; integers
                   leave the network's own). Results are arrays of X's kind
    compile        whether steps are compiled (see Trainer)
    verbose        print every verbose-th epoch (0: none)

    Options of parts are given by their prefix: module__hidden=50, optimizer__momentum=0.9 (also as
    a dict, optimizer_options), criterion__label_smoothing=0.1, so that searches reach them.

    After fit there are `model_` (a Sequential), `classes_`, `history_` (a row an epoch, as
    Trainer.history), `optimizer_`, `callbacks_` and `n_features_in_`.

    Raises ArgumentError in fit for parameters that make no sense; ShapeError if the network's
    outputs do not fit y; DataError for labels that it cannot learn.

    >>> from sklearn.datasets import load_iris
    >>> from portanet import Linear, ReLU
    >>> def make(n_features, n_outputs, hidden=20):
    ...     return [Linear(n_features, hidden), ReLU(), Linear(hidden, n_outputs)]
    >>> X, y = load_iris(return_X_y=True)
    >>> net = NeuralNetClassifier(make, module__hidden=10, learning_rate=0.05, max_epochs=30)
    >>> net.set_params(random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    classes_: Array
    _multilabel = False
    _of_classes = True

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Take the samples once, in batches, and return self; the first call makes the network.

        `classes` are the labels of all classes, which the first call needs, as y may lack some.

        Raises DataError without them, or for labels that are none of them.
        """
        if hasattr(self, "model_"):
            if classes is not None:
                codes_of(self.classes_, unique_labels(classes))
        elif classes is None:
            raise DataError(
                f"{type(self).__name__}.partial_fit(): classes must be given with the first call, "
                "as y may lack some: partial_fit(X, y, classes=[...])"
            )
        else:
            self.classes_ = unique_labels(classes)
        return self._fit_partly(X, y, sample_weight, classes_known=True)

    def predict(self, X: Any) -> Any:
        """Return the label of each sample (N,), of several labels each 0 or 1 (N, K)."""
        _, codes = self._predicted("predict", X, "predict")
        return codes if self._multilabel else decoded(self.classes_, codes)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class (N, C), of several labels that of 1 (N, K)."""
        return self._predicted("predict_proba", X, "predict_proba")[1]

    def _targets(self, X: Array, y: Any, *, classes_known: bool) -> Array:
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise DataError(f"{type(self).__name__}: y must be labels (N,), or 0 and 1 (N, K)")
        self._multilabel = kind == "multilabel-indicator"
        if self._multilabel:
            self.classes_, codes = np.arange(y.shape[1]), y
        elif classes_known:
            codes = codes_of(self.classes_, y)
        else:
            self.classes_, codes = encoded(y)
        if self.classes_.shape[0] < 2:
            raise DataError(
                f"{type(self).__name__}: y must have two classes or more, has one class"
            )
        return moved(codes, home_of(X), home_of(X).index_dtype())

    def _default_criterion(self) -> type[Loss]:
        return BCEWithLogits if self._multilabel else CrossEntropy

    def _n_outputs(self, criterion: Loss) -> int:
        n_classes = self.classes_.shape[0]
        if self._multilabel or criterion.targets == "classes":
            return n_classes
        if n_classes > 2:
            raise ArgumentError(
                f"{type(self).__name__}: criterion must be a loss of classes, as y has "
                f"{n_classes} of them, is {criterion!r}; leave it out for CrossEntropy()"
            )
        return 1

    def _check_outputs(self, outputs: Array) -> None:
        super()._check_outputs(outputs)
        criterion = self.model_.criterion
        if not is_integer(criterion.decisions(outputs)):
            raise ArgumentError(
                f"{type(self).__name__}: criterion must be a loss of labels, is {criterion!r}; for "
                "numbers there is NeuralNetRegressor"
            )
