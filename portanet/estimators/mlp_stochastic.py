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
        # in a copied context, where Ctrl-C cannot leave checks switched off
        copy_context().run(epochs.take, 1 if once else estimator.max_iter)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    epochs.keep()
    if epochs.ran_out and not once:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=4,
        )


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
        self.ran_out = False
        estimator.n_iter_ = 0

    def take(self, n_epochs: int) -> None:
        """Take so many epochs, or fewer if the fit is over before."""
        with skip_value_checks():
            self.ran_out = not any(self._take_one() for _ in range(n_epochs))

    def _take_one(self) -> bool:
        """Take the steps of an epoch; return whether the fit is over."""
        estimator = self.estimator
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
