"""NetworkEstimator: where an estimator's network lies, and how arrays get there and back."""

from copy import deepcopy
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from portanet.backends import Backend, backend_of, get
from portanet.checks import dtype_name
from portanet.errors import DtypeError, PlacementError
from portanet.part import Part, moved
from portanet.sequential import Sequential
from portanet.typing import Array

_HOST = get("numpy")


@runtime_checkable
class MovesItself(Protocol):
    """A fitted attribute that knows how it moves."""

    def on_backend(self, target: Backend) -> Any:
        """Return the same on another backend."""
        ...


class NetworkEstimator(BaseEstimator):
    """What the estimators share: a network, and arrays that follow X.

    A subclass has the parameters `backend`, `device`, `dtype` and `compile`, and sets `model_` and
    `_follows` when it is fitted.

    backend   the backend that the network trains on and stays on (None: that of X)
    device    the device of it (None: that of X, or with `backend` the library's default)
    dtype     "float32" or "float64" (None: that of X)
    model_    the network
    _follows  the name and the device of the backend that X came from in fit

    scikit-learn makes NumPy arrays of what is given, unless its array API dispatch is switched on
    (`sklearn.set_config(array_api_dispatch=True)`): then X may be an array of any backend. Results
    are arrays of X's kind, on its device.
    """

    backend: str | None
    device: Any
    dtype: str | None
    compile: bool
    model_: Sequential
    _follows: tuple[str, Any]

    def to_backend(self, name: str, *, device: Any = None) -> Self:
        """Move the fitted network to a backend, and return self.

        From then on X is to be an array of it, or of NumPy where scikit-learn makes NumPy arrays.

        Raises scikit-learn's NotFittedError before fit, and what `model.to` raises.
        """
        check_is_fitted(self)
        target = get(name, device)
        self.model_.to(name, device=device)
        self._follows = (target.name, target.device)
        for key, value in dict(vars(self)).items():
            setattr(self, key, on_backend(target, value))
        return self

    def network_place(self, X: Array) -> tuple[Backend, str]:
        """Return the backend and the dtype that a network for X is made with."""
        here = home_of(X)
        dtype = dtype_name(X.dtype) if self.dtype is None else self.dtype
        if self.backend is None and self.device is None:
            return here, dtype
        return get(here.name if self.backend is None else self.backend, self.device), dtype

    def follow(self, X: Array) -> None:
        """Remember where X lies: later input must lie there, too."""
        here = home_of(X)
        self._follows = (here.name, here.device)

    def check_place(self, method: str, X: Array) -> None:
        """Raise PlacementError, a ValueError, unless X lies where X lay in fit.

        NumPy arrays are taken everywhere as long as array API dispatch is off: no others can come.
        """
        here = home_of(X)
        if (here.name, here.device) == self._follows or (here.name == "numpy" and not dispatches()):
            return
        name, device = self._follows
        raise PlacementError(
            f"{type(self).__name__}.{method}(): X must use the same namespace and device as the "
            f"estimator, {name} on {device}, is {here.name} on {here.device}; move the estimator "
            f"with to_backend({here.name!r}), or X"
        )

    def to_network(self, x: Array) -> Array:
        """Return floats where the network lies, in its dtype."""
        return moved(x, *self.model_.placement)

    def like(self, X: Array, found: Array) -> Array:
        """Return an array of the network's as one of X's kind, on X's device.

        Strings stay NumPy arrays: no other library has them.
        """
        if isinstance(found, np.ndarray) and found.dtype.kind in "OSU":
            return found
        return moved(found, home_of(X), dtype_name(found.dtype))

    def __getstate__(self) -> dict[str, Any]:
        state = {name: on_backend(_HOST, value) for name, value in vars(self).items()}
        if "_follows" in state:
            state["_follows"] = (_HOST.name, _HOST.device)
        return state


def home_of(X: Any) -> Backend:
    """Return the backend of an array; sparse matrices lie on the host."""
    return _HOST if hasattr(X, "toarray") else backend_of(X)


def dispatches() -> bool:
    """Return whether scikit-learn's array API dispatch is on."""
    from sklearn import get_config

    return bool(get_config()["array_api_dispatch"])


def on_backend(target: Backend, value: Any) -> Any:
    """Return a fitted attribute on another backend; what is there already, or no array, as it is.

    What is no list, network or array may have a method `on_backend(target)`.

    A network is copied, so that pickling an estimator does not move it.
    """
    if type(value) is list:
        return [on_backend(target, part) for part in value]
    if isinstance(value, Part):
        return value if value.backend is target else _moved_copy(target, value)
    if isinstance(value, MovesItself):
        return value.on_backend(target)
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):  # a RandomState, a Device
        return value
    try:
        here = backend_of(value)
    except DtypeError:  # data frames, sparse matrices
        return value
    if here is target or dtype_name(value.dtype) not in target.dtypes:  # classes_ may be strings
        return value
    return moved(value, target, dtype_name(value.dtype))


def _moved_copy(target: Backend, part: Part) -> Part:
    return deepcopy(part).to(target.name, device=target.device)
