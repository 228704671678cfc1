"""Class labels as numbers 0, 1, …, and back: of strings, integers, on any backend."""

from typing import Any

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.checks import dtype_name
from portanet.errors import DataError, short
from portanet.part import moved
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


def codes_of(classes: Array, y: Array) -> Array:
    """Return which of some sorted classes each label is, where y lies.

    Raises DataError if a label is none of them.

    >>> codes_of(np.asarray(["no", "yes"]), np.asarray(["yes", "yes", "no"])).tolist()
    [1, 1, 0]
    """
    table = classes
    if not isinstance(y, np.ndarray) or not isinstance(classes, np.ndarray):
        table = moved(classes, backend_of(y), dtype_name(classes.dtype))
    xp = np if isinstance(y, np.ndarray) else array_namespace(y)
    n = table.shape[0]
    codes = xp.searchsorted(table, y)
    codes = xp.where(codes < n, codes, n - 1)
    unknown = xp.take(table, codes, axis=0) != y
    if bool(xp.any(unknown)):
        raise DataError(
            f"y must hold labels of the first fit, classes {short(_listed(table))}; it holds "
            f"{short(_listed(y[unknown]))}, too"
        )
    return codes


def _listed(labels: Array) -> list[Any]:
    labels = labels if isinstance(labels, np.ndarray) else backend_of(labels).to_numpy(labels)
    return np.unique(labels).tolist()
