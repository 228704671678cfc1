"""fit_stochastic: epochs of sgd or adam, as scikit-learn counts, stops and warns."""

import warnings
from contextvars import copy_context
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from portanet.checks import skip_value_checks
from portanet.data import Dataset
from portanet.estimators.mlp_batches import ShuffledLoader
from portanet.estimators.mlp_stopping import Stopping
from portanet.estimators.mlp_validation import Validation, split
from portanet.estimators.mlp_workspace import Workspace


def fit_stochastic(
    estimator: Any, workspace: Workspace, X: Any, y: Any, weights: Any, *, once: bool
) -> None:
    """Train until the stopping rule ends it, or `once` for an epoch.

    The estimator's counters and curves are updated after each epoch; Ctrl-C ends the fit with a
    warning, and what was learned is kept.
    """
    validation = None
    if estimator.early_stopping:
        (X, y, weights), validation = split(estimator, X, y, weights)
    epochs = _Epochs(estimator, workspace, X, y, weights, validation)
    try:
        for _ in range(1 if once else estimator.max_iter):
            # in a copied context, where Ctrl-C cannot leave checks switched off
            if copy_context().run(epochs.take_one):
                break
            if estimator.n_iter_ == estimator.max_iter and not once:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and "
                    "the optimization hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    epochs.keep()


class _Epochs:
    def __init__(
        self,
        estimator: Any,
        workspace: Workspace,
        X: Any,
        y: Any,
        weights: Any,
        validation: Validation | None,
    ) -> None:
        self.estimator, self.workspace, self.validation = estimator, workspace, validation
        self.n_samples = X.shape[0]
        if estimator.batch_size != "auto" and estimator.batch_size > self.n_samples:
            warnings.warn(
                f"Got batch_size={estimator.batch_size}, more than the {self.n_samples} samples: "
                "there is one batch of all of them",
                stacklevel=6,
            )
        loader = ShuffledLoader(
            Dataset(X, y, sample_weight=weights), estimator._batch_size(X),
            estimator._random_state, shuffle=estimator.shuffle,
        )  # fmt: skip
        self.loader, self.batches = loader, loader.to(workspace.model)
        self.stopping = Stopping(estimator, workspace.optimizer.lr)
        self.best: Any = None
        estimator.n_iter_ = 0

    def take_one(self) -> bool:
        """Take the steps of an epoch; return whether the fit is over."""
        estimator = self.estimator
        with skip_value_checks():
            loss = estimator.loss_ = self.workspace.epoch(self.batches)
        estimator.n_iter_ += 1
        estimator.t_ += self.n_samples
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        if self.validation is None:
            self.stopping.note_loss(loss)
        elif self.stopping.note_score(self.validation.score(self.workspace.model)):
            self.best = self.workspace.arrays()
        return self.stopping.is_over()

    def keep(self) -> None:
        """Let the estimator have the weights: the best if there are validation scores."""
        arrays = self.workspace.arrays() if self.validation is None else self.best
        if arrays is not None:
            self.estimator.coefs_, self.estimator.intercepts_ = arrays
