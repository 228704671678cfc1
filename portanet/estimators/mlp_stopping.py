"""Stopping: scikit-learn's rule for when an MLP's fit ends, and its learning rates."""

from typing import Any

from portanet.estimators.mlp_optimizers import Rate


class Stopping:
    """Looks at an epoch's loss, or validation score, and changes the rate or ends the fit.

    It counts in attributes of the estimator, as scikit-learn does: a warm start goes on from them.
    An epoch is no improvement unless the loss falls below the best by more than tol (the score
    rises by tol); after more than n_iter_no_change of them in a row the fit ends, or with
    learning_rate="adaptive" the rate is divided by 5, until it is 1e-6 or less.
    """

    def __init__(self, estimator: Any, rate: Rate) -> None:
        self.estimator, self.rate = estimator, rate

    def note_loss(self, loss: float) -> None:
        """Count an epoch by its training loss."""
        estimator = self.estimator
        better = not loss > estimator.best_loss_ - estimator.tol
        estimator._no_improvement_count = 0 if better else estimator._no_improvement_count + 1
        if loss < estimator.best_loss_:
            estimator.best_loss_ = loss

    def note_score(self, score: float) -> bool:
        """Count an epoch by its validation score; return whether it is the best so far."""
        estimator = self.estimator
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        better = not score < estimator.best_validation_score_ + estimator.tol
        estimator._no_improvement_count = 0 if better else estimator._no_improvement_count + 1
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            return True
        return False

    def is_over(self) -> bool:
        """Set the rate of the next epoch; return whether there is none."""
        estimator = self.estimator
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            self.rate.value = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        over, what = self._stop_or_slow_down()
        if estimator.verbose:
            print(f"{self._reason()} {what}")
        if not over:
            estimator._no_improvement_count = 0
        return over

    def _stop_or_slow_down(self) -> tuple[bool, str]:
        if self.estimator.solver != "sgd" or self.estimator.learning_rate != "adaptive":
            return True, "Stopping."
        if self.rate.value <= 1e-6:
            return True, "Learning rate too small. Stopping."
        self.rate.value /= 5.0
        return False, f"Setting learning rate to {self.rate.value:f}"

    def _reason(self) -> str:
        estimator = self.estimator
        what = "Validation score" if estimator.early_stopping else "Training loss"
        return (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
