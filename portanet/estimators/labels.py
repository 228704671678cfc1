"""Class labels as numbers 0, 1, …, and back: of strings, integers, on any backend."""

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.typing import Array


def encoded(y: Array) -> tuple[Array, Array]:
    """Return the classes, sorted, and which of them each label is, where y lies.

    >>> classes, codes = encoded(np.asarray(["no", "yes", "no"]))
    >>> classes.tolist(), codes.tolist()
    (['no', 'yes'], [0, 1, 0])
    """
    if isinstance(y, np.ndarray):  # also strings and objects, which the standard has not
        return np.unique(y, return_inverse=True)
    return tuple(array_namespace(y).unique_inverse(y))


def decoded(classes: Array, codes: Array) -> Array:
    """Return the labels of codes: an array of codes' kind, of NumPy's where labels are strings.

    >>> decoded(np.asarray(["no", "yes"]), np.asarray([1, 1, 0])).tolist()
    ['yes', 'yes', 'no']
    """
    if isinstance(classes, np.ndarray) and classes.dtype.kind in "OSU":
        return classes[backend_of(codes).to_numpy(codes)]
    here = backend_of(codes)
    table = (
        here.asarray(backend_of(classes).to_numpy(classes))
        if backend_of(classes) is not here
        else classes
    )
    return array_namespace(codes).take(table, codes, axis=0)
