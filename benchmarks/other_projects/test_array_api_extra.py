"""array-api-extra: functions that the standard lacks, kept by the standard's own people."""

import numpy as np
import pytest

xpx = pytest.importorskip("array_api_extra")
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(6, 5)), RNG.normal(size=(3, 2))
HOLES = np.where(RNG.random((6, 5)) < 0.2, np.nan, A)

CASES = {
    "angle": (xpx.angle, A + 1j * A[::-1]),
    "cov": (xpx.cov, A),
    "deg2rad": (xpx.deg2rad, 100 * A),
    "kron": (xpx.kron, A, B),
    "nan_to_num": (xpx.nan_to_num, HOLES),
    "nanmax": (lambda x: xpx.nanmax(x, axis=0), HOLES),
    "nanmean": (lambda x: xpx.nanmean(x, axis=0), HOLES),
    "nansum": (lambda x: xpx.nansum(x, axis=0), HOLES),
    "nunique": (xpx.nunique, np.round(A)),
    "one_hot": (lambda i: xpx.one_hot(i, 4), np.arange(8) % 4),
    "pad": (lambda x: xpx.pad(x, 2), A),
    "partition": (lambda x: xpx.partition(x, 2)[..., 2], A),
    "rad2deg": (xpx.rad2deg, A),
    "searchsorted": (xpx.searchsorted, np.sort(A.ravel()), B.ravel()),
    "sinc": (xpx.sinc, 3 * A),
    "union1d": (xpx.union1d, np.round(A.ravel()), np.round(B.ravel())),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("backend")  # a test of each backend: one that fails hides no other
def test_backends_agree(name, assert_backends_agree):
    function, *arrays = CASES[name]

    def named(*given):
        return function(*given)

    named.__name__ = name
    assert_backends_agree(named, *arrays)
