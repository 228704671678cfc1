"""Whether a plan gives what the readable step gives: looked at on the host, number by number."""

from collections.abc import Mapping

import numpy as np

from portanet.backends import backend_of
from portanet.typing import Array

# A fused plan adds and multiplies in another order. In units of the last place at an array's
# largest number that is some tens after sums of thousands; a wrong plan is off by millions. Where
# sums cancel, as in the gradient of a scale before a normalization, which is 0, nothing is left but
# rounding noise: it is measured in units at the largest number of all arrays together.
# Losses cancel too: log p of a p near 1 is the difference of logits, which may well be 8.
FUSED_ULPS = 4096
NOISE_ULPS = 64
LOSS_TERMS = 8.0


def first_difference(
    got: Mapping[str, Array], wanted: Mapping[str, Array], *, exact: bool
) -> str | None:
    """Return the name of the first array that differs, with words; None if there is none.

    exact: bit for bit, but for the sign of 0 and which NaN it is. Otherwise arrays of floats may
    differ by FUSED_ULPS units of the last place at their largest number, or by NOISE_ULPS units at
    the largest of all (losses: at LOSS_TERMS at least). It fetches from the device.
    """
    on_host = {name: backend_of(array).to_numpy(array) for name, array in wanted.items()}
    largest = 0.0 if exact else max(map(_largest, on_host.values()), default=0.0)
    for name, array in on_host.items():
        other = backend_of(got[name]).to_numpy(got[name])
        terms = max(largest, LOSS_TERMS) if name.startswith("loss") else largest
        words = _difference(other, array, None if exact else terms)
        if words is not None:
            return f"{name} {words}"
    return None


def _difference(got: np.ndarray, wanted: np.ndarray, largest: float | None) -> str | None:
    if got.shape != wanted.shape:
        return f"has the shape {got.shape}, wanted {wanted.shape}"
    floats = wanted.dtype.kind == "f"
    if np.array_equal(got, wanted, equal_nan=floats):
        return None
    if not floats or largest is None:
        return "differs"
    return _float_difference(got, wanted, largest)


def _float_difference(got: np.ndarray, wanted: np.ndarray, largest: float) -> str | None:
    finite = np.isfinite(wanted)
    if not np.array_equal(finite, np.isfinite(got)):
        return "is not finite where it should be, or the other way round"
    far = float(np.abs(got[finite] - wanted[finite]).max(initial=0))
    epsilon, own = float(np.finfo(wanted.dtype).eps), _largest(wanted)
    if far <= epsilon * max(FUSED_ULPS * own, NOISE_ULPS * largest):
        return None
    units = far / (epsilon * own) if own else float("inf")
    return f"is off by {units:.0f} units of its last place"


def _largest(x: np.ndarray) -> float:
    """Return the largest finite size of a float, 0 where there is none."""
    return float(np.abs(x[np.isfinite(x)]).max(initial=0)) if x.dtype.kind == "f" else 0.0
