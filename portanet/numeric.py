"""Numbers about numbers."""

from portanet.checks import dtype_name
from portanet.typing import Array

_SMALLEST_NORMAL = {"float32": 2.0**-126, "float64": 2.0**-1022}
_EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}


def smallest_normal(x: Array) -> float:
    """Return the smallest positive normal number of x's dtype.

    >>> import numpy as np
    >>> smallest_normal(np.zeros(1, np.float32)) == np.finfo(np.float32).smallest_normal
    np.True_
    """
    return _SMALLEST_NORMAL[dtype_name(x.dtype)]


def machine_epsilon(x: Array) -> float:
    """Return the distance from 1 to the next larger number of x's dtype.

    >>> import numpy as np
    >>> machine_epsilon(np.zeros(1)) == np.finfo(np.float64).eps
    np.True_
    """
    return _EPSILON[dtype_name(x.dtype)]
