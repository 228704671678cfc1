"""Targets of a classifier as columns of 0 and 1, and labels of what a network returns."""

from copy import copy
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target, unique_labels

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import dtype_name
from portanet.errors import DataError
from portanet.estimators.base import on_backend
from portanet.estimators.labels import decoded, encoded
from portanet.part import moved
from portanet.typing import Array


class Targets:
    """The classes, and which kind of targets there are: "binary", "multiclass", "multilabel".

    Two classes (or one) are one column, the second class being 1; several a column each, one of
    which is 1; labels of several at once a column each.

    Raises DataError for targets of several outputs, ValueError (scikit-learn's) for those that are
    no classes.

    >>> targets = Targets(np.asarray(["a", "c", "b"]))
    >>> targets.encode(np.asarray(["b", "a"])).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0]]
    """

    def __init__(self, y: Any) -> None:
        kind = type_of_target(y, input_name="y")
        if "multioutput" in kind:
            raise DataError(
                "MLPClassifier: y must be (N,), or (N, K) of 0 and 1 for several labels; several "
                f"outputs with classes of their own ({kind}) need an estimator each "
                "(sklearn.multioutput)"
            )
        self.kind = "multilabel" if kind.startswith("multilabel") else kind
        if self.kind not in ("binary", "multiclass", "multilabel"):
            raise ValueError(
                f"Unknown label type: {kind}. MLPClassifier takes classes, not numbers"
            )
        self.classes = unique_labels(y) if self.kind == "multilabel" else encoded(y)[0]

    def on_backend(self, target: Backend) -> "Targets":
        """Return the same with its classes on another backend, where the library has such."""
        new = copy(self)
        new.classes = on_backend(target, self.classes)
        return new

    @property
    def output(self) -> str:
        """The link of the network's outputs."""
        return "softmax" if self.kind == "multiclass" else "logistic"

    def encode(self, y: Any) -> Array:
        """Return y as booleans, (N, K)."""
        if self.kind == "multilabel":
            dense = y.toarray() if hasattr(y, "toarray") else y
            return dense != 0
        xp = np if isinstance(y, np.ndarray) else array_namespace(y)
        classes = self.classes
        if not isinstance(y, np.ndarray) or not isinstance(classes, np.ndarray):
            classes = moved(classes, backend_of(y), dtype_name(classes.dtype))
        if self.kind == "binary":
            second = y == classes[1] if classes.shape[0] > 1 else xp.zeros_like(y, dtype=xp.bool)
            return xp.reshape(second, (-1, 1))
        return xp.reshape(y, (-1, 1)) == xp.reshape(classes, (1, -1))

    def decode(self, y_hat: Array) -> Array:
        """Return labels for the network's outputs, before their link."""
        xp = array_namespace(y_hat)
        if self.kind == "multiclass":
            return decoded(self.classes, xp.argmax(y_hat, axis=1))
        is_one = xp.astype(y_hat > 0, xp.int64)  # of y, which is 0 or 1, too
        if self.kind == "multilabel":
            return is_one
        return decoded(
            self.classes, is_one[:, 0] if self.classes.shape[0] > 1 else 0 * is_one[:, 0]
        )
