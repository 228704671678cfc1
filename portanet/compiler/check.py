"""Whether a plan gives what the readable step gives."""

from collections.abc import Mapping
from typing import Any

from portanet.backends import backend_of
from portanet.checks import is_float
from portanet.numeric import machine_epsilon
from portanet.typing import Array

# A fused plan adds and multiplies in another order. In units of the last place at an array's
# largest number that is some tens after sums of thousands; a wrong plan is off by millions. Where
# sums cancel, as in the gradient of a scale before a normalization, which is 0, nothing is left but
# rounding noise: it is measured in units at the largest number of all arrays together.
FUSED_ULPS = 4096
NOISE_ULPS = 64


def first_difference(
    got: Mapping[str, Array], wanted: Mapping[str, Array], *, exact: bool
) -> str | None:
    """Return the name of the first array that differs, with words; None if there is none.

    exact: bit for bit, but for the sign of 0 and which NaN it is. Otherwise arrays of floats may
    differ by FUSED_ULPS units of the last place at their largest number, or by NOISE_ULPS units at
    the largest of all. It fetches from the device.
    """
    largest = 0.0 if exact else max(map(_largest, wanted.values()), default=0.0)
    for name, array in wanted.items():
        words = _difference(got[name], array, None if exact else largest)
        if words is not None:
            return f"{name} {words}"
    return None


def _difference(got: Array, wanted: Array, largest: float | None) -> str | None:
    xp = backend_of(wanted).xp
    if tuple(got.shape) != tuple(wanted.shape):
        return f"has the shape {tuple(got.shape)}, wanted {tuple(wanted.shape)}"
    alike = got == wanted
    if is_float(wanted):
        alike = alike | (xp.isnan(got) & xp.isnan(wanted))
    if bool(xp.all(alike)):
        return None
    if not is_float(wanted) or largest is None:
        return "differs"
    return _float_difference(xp, got, wanted, largest)


def _float_difference(xp: Any, got: Array, wanted: Array, largest: float) -> str | None:
    finite = xp.isfinite(wanted)
    if not bool(xp.all(finite == xp.isfinite(got))):
        return "is not finite where it should be, or the other way round"
    far = float(xp.max(xp.abs(xp.where(finite, got - wanted, xp.zeros_like(wanted)))))
    epsilon, own = machine_epsilon(wanted), _largest(wanted)
    if far <= epsilon * max(FUSED_ULPS * own, NOISE_ULPS * largest):
        return None
    units = far / (epsilon * own) if own else float("inf")
    return f"is off by {units:.0f} units of its last place"


def _largest(x: Array) -> float:
    """Return the largest finite size of a float, 0 where there is none."""
    xp = backend_of(x).xp
    if not is_float(x) or 0 in x.shape:
        return 0.0
    return float(xp.max(xp.abs(xp.where(xp.isfinite(x), x, xp.zeros_like(x)))))
