"""array-api-signal: windows, filters, integrals and special functions."""

import numpy as np
import pytest

aps = pytest.importorskip("array_api_signal")
RNG = np.random.default_rng(0)
X, KERNEL, TIMES = RNG.normal(size=40), RNG.normal(size=5), np.cumsum(0.1 + RNG.random(40))

CASES = {
    "convolve": (lambda x, k: aps.convolve(x, k, mode="constant"), X, KERNEL),
    "gaussian_filter1d": (lambda x: aps.gaussian_filter1d(x, 1.5), X),
    "i0e": (aps.i0e, 5 * X),
    "interp": (lambda t, x: aps.interp(t[3:9] + 0.05, t, x), TIMES, X),
    "logsumexp": (aps.logsumexp, 10 * X),
    "ndtr": (aps.ndtr, 2 * X),
    "simpson": (lambda y: aps.simpson(y, dx=0.1), X),
    "trapezoid": (lambda y: aps.trapezoid(y, dx=0.1), X),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("backend")  # a test of each backend: one that fails hides no other
def test_backends_agree(name, assert_backends_agree):
    function, *arrays = CASES[name]

    def named(*given):
        return function(*given)

    named.__name__ = name
    assert_backends_agree(named, *arrays)
