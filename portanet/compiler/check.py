"""Whether a plan gives what the readable step gives."""

from collections.abc import Mapping
from typing import Any

from portanet.backends import backend_of
from portanet.checks import is_float
from portanet.numeric import machine_epsilon
from portanet.typing import Array

# A fused plan adds and multiplies in another order. In units of the last place at an array's
# largest number that is some tens after sums of thousands; a wrong plan is off by millions.
FUSED_ULPS = 4096


def first_difference(
    got: Mapping[str, Array], wanted: Mapping[str, Array], *, ulps: float
) -> str | None:
    """Return the name of the first array that differs by more than some ulps, with words; or None.

    An ulp is the distance of neighbouring numbers at the array's largest; 0 ulps: bit for bit, but
    for the sign of 0 and which NaN it is. It fetches from the device.
    """
    for name, array in wanted.items():
        words = _difference(got[name], array, ulps)
        if words is not None:
            return f"{name} {words}"
    return None


def _difference(got: Array, wanted: Array, ulps: float) -> str | None:
    xp = backend_of(wanted).xp
    if tuple(got.shape) != tuple(wanted.shape):
        return f"has the shape {tuple(got.shape)}, wanted {tuple(wanted.shape)}"
    alike = got == wanted
    if is_float(wanted):
        alike = alike | (xp.isnan(got) & xp.isnan(wanted))
    if bool(xp.all(alike)):
        return None
    if not is_float(wanted) or ulps == 0:
        return "differs"
    return _float_difference(xp, got, wanted, ulps)


def _float_difference(xp: Any, got: Array, wanted: Array, ulps: float) -> str | None:
    finite = xp.isfinite(wanted)
    if not bool(xp.all(finite == xp.isfinite(got))):
        return "is not finite where it should be, or the other way round"
    zero = xp.zeros_like(wanted)
    far = float(xp.max(xp.abs(xp.where(finite, got - wanted, zero))))
    largest = float(xp.max(xp.abs(xp.where(finite, wanted, zero))))
    units = far / (machine_epsilon(wanted) * largest) if largest else float("inf")
    return None if units <= ulps else f"is off by {units:.0f} units of its last place"
