"""How close two arrays must be, in units of the last place."""

import numpy as np

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def ulps(value, oracle, dtype):
    """Return the largest |value - oracle| in units of dtype's last place at max |oracle|."""
    value, oracle = np.asarray(value, np.float64), np.asarray(oracle, np.float64)
    assert value.shape == oracle.shape, (value.shape, oracle.shape)
    same = (value == oracle) | (np.isnan(value) & np.isnan(oracle))
    if same.all():
        return 0.0
    scale = np.max(np.abs(oracle[np.isfinite(oracle)]), initial=np.finfo(dtype).smallest_normal)
    with np.errstate(invalid="ignore"):
        return float(np.max(np.where(same, 0, np.abs(value - oracle))) / (scale * EPS[dtype]))


def assert_ulps(what, value, oracle, dtype, limit):
    """Assert that value is within `limit` ulps of the float64 oracle."""
    error = ulps(value, oracle, dtype)
    assert error <= limit, f"{what}: {error:.1f} ulps of {dtype} from the oracle, {limit} allowed"
