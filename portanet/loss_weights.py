"""Weights of samples: how the losses of a batch are weighted, and their mean over a sample."""

from math import prod

from portanet.backends import array_namespace
from portanet.checks import check_alike, skips_value_checks
from portanet.errors import ShapeError
from portanet.targets import refuse
from portanet.typing import Array


def check_sample_weight(who: str, y_hat: Array, sample_weight: Array) -> None:
    """Raise unless sample_weight (N,) fits y_hat (N, ...), and holds numbers >= 0.

    Raises ShapeError, DtypeError, PlacementError or DataError.
    """
    n = y_hat.shape[0]
    check_alike(who, "sample_weight", sample_weight, "y_hat", y_hat)
    if tuple(sample_weight.shape) != (n,):
        raise ShapeError(
            f"{who}: sample_weight must be ({n},), one per sample, is {tuple(sample_weight.shape)}"
        )
    if not skips_value_checks():
        advice = "0 excludes a sample."
        refuse(who, sample_weight, ~(sample_weight >= 0), "numbers >= 0", advice, "sample_weight")


def weighted(x: Array, sample_weight: Array, factor: Array) -> Array:
    """Return x (N, ...) times a factor (N,); a sample of weight 0 gives 0, even for inf or NaN."""
    xp, column = array_namespace(x), (x.shape[0],) + (1,) * (x.ndim - 1)
    counts = xp.reshape(sample_weight != 0, column)
    return xp.where(counts, x, xp.zeros_like(x)) * xp.reshape(factor, column)


def mean_per_sample(losses: Array) -> Array:
    """Return the mean of losses (N, ...) over all axes except the first, shape (N,)."""
    if losses.ndim == 1:
        return losses
    xp = array_namespace(losses)
    rows = xp.reshape(losses, (losses.shape[0], prod(losses.shape[1:])))
    return rows[:, 0] if rows.shape[1] == 1 else xp.mean(rows, axis=1)
