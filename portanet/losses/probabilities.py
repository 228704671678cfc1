"""Targets that are probabilities of classes: none is negative, and they sum up to 1."""

from portanet.backends import array_namespace
from portanet.checks import is_float
from portanet.errors import DataError
from portanet.targets import refuse
from portanet.typing import Array

_SUM_TOLERANCE = 1e-3  # more than float32 rounds, less than percentages or logits are off


def check_probabilities(who: str, y: Array, axis: int) -> None:
    """Raise DataError unless y >= 0 and its sums along an axis are 1, within 1e-3."""
    xp, advice = array_namespace(y), "Divide by the sum over the classes."
    if not is_float(y):
        y = xp.astype(y, xp.float32)
    refuse(who, y, ~(y >= 0), "probabilities >= 0", advice)
    sums = xp.sum(y, axis=axis)
    far = ~(xp.abs(sums - 1) <= _SUM_TOLERANCE)
    if bool(xp.any(far)):
        where = int(xp.argmax(xp.astype(xp.reshape(far, (-1,)), xp.int32)))
        total = float(xp.reshape(sums, (-1,))[where])
        raise DataError(
            f"{who}: y must hold probabilities with the sum 1; the sum of number {where} is "
            f"{total:g}. {advice}"
        )
