"""SciPy's functions on the array API (SCIPY_ARRAY_API=1): special functions and statistics."""

import os

import numpy as np
import pytest

if os.environ.get("SCIPY_ARRAY_API") != "1":
    pytest.skip(
        "SciPy takes other libraries' arrays with SCIPY_ARRAY_API=1", allow_module_level=True
    )
special, stats = pytest.importorskip("scipy.special"), pytest.importorskip("scipy.stats")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 5)), RNG.normal(size=(12, 5))
P = RNG.uniform(0.02, 0.98, (12, 5))

CASES = {
    "erf": (special.erf, X),
    "expit": (special.expit, 5 * X),
    "gammaln": (special.gammaln, 0.3 + 5 * P),
    "i0e": (special.i0e, 5 * X),
    "log_ndtr": (special.log_ndtr, 3 * X),
    "log_softmax": (lambda x: special.log_softmax(x, axis=1), 5 * X),
    "logit": (special.logit, P),
    "logsumexp": (lambda x: special.logsumexp(x, axis=1), 10 * X),
    "ndtri": (special.ndtri, P),
    "softmax": (lambda x: special.softmax(x, axis=1), 5 * X),
    "xlogy": (special.xlogy, P, P[::-1]),
    "gmean": (stats.gmean, P),
    "kurtosis": (stats.kurtosis, X),
    "moment": (lambda x: stats.moment(x, 3), X),
    "pearsonr": (lambda x, y: stats.pearsonr(x, y, axis=0).statistic, X, Y),
    "skew": (stats.skew, X),
    "ttest_ind": (lambda x, y: tuple(stats.ttest_ind(x, y)), X, Y),
    "zscore": (stats.zscore, X),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("backend")  # a test of each backend: one that fails hides no other
def test_backends_agree(name, assert_backends_agree):
    function, *arrays = CASES[name]

    def named(*given):
        return function(*given)

    named.__name__ = name
    assert_backends_agree(named, *arrays)
