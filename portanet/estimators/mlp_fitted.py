"""FittedMLP: an MLP that has its weights, how it moves and is pickled, and what it predicts for."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from portanet.errors import DtypeError
from portanet.estimators.base import NetworkEstimator, dispatches, home_of
from portanet.estimators.mlp_network import MLPForm, MLPNetwork
from portanet.estimators.mlp_workspace import OptimizerState, Workspace
from portanet.typing import Array

FLOATS = (np.float64, np.float32)


def floats_like(X: Any) -> tuple[Any, ...]:
    """Return the dtypes that X may keep, in the words of its library: float64 and float32."""
    if isinstance(X, np.ndarray) or not dispatches():
        return FLOATS
    try:
        home = home_of(X)
    except DtypeError:  # lists, data frames
        return FLOATS
    return tuple(home.dtype(name) for name in ("float64", "float32") if name in home.dtypes)


class FittedMLP(NetworkEstimator):
    """The weights of an MLP, and the network that they make.

    coefs_, intercepts_  the weights (n_inp, n_out) and biases (n_out,) of each layer, where the
                         network lies; others may be assigned
    model_               a network of these arrays
    _optimizer           what the optimizer remembers: partial_fit goes on from it
    _workspace           in which it does so
    """

    activation: str
    alpha: float

    coefs_: list[Array]
    intercepts_: list[Array]
    n_features_in_: int
    out_activation_: str
    _optimizer: OptimizerState | None = None
    _network: MLPNetwork | None = None
    _workspace: Workspace | None = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags

    @property
    def model_(self) -> MLPNetwork:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A network of the arrays coefs_ and intercepts_."""
        network = self._network
        if network is not None and network.holds(self.coefs_, self.intercepts_):
            return network
        if network is None or network.form != self._form():
            network = self._network = self._form().network()
        network.assign(self.coefs_, self.intercepts_)
        return network

    def to_backend(self, name: str, *, device: Any = None) -> Self:
        """Move the fitted network, and what its optimizer remembers; see NetworkEstimator."""
        self._workspace = None
        return super().to_backend(name, device=device)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: state[name] for name in state if name not in ("_network", "_workspace")}

    def _form(self) -> MLPForm:
        arrays = [*self.coefs_]
        units = (arrays[0].shape[0], *(w.shape[1] for w in arrays))
        return MLPForm(units, self.activation, self.out_activation_, float(self.alpha))

    def _checked(self, method: str, X: Any) -> Array:
        """Return X, looked at as scikit-learn does; what needs no look costs little."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        if not self._is_plain(X):
            X = validate_data(
                self, X, accept_sparse=["csr", "csc"], dtype=floats_like(X), reset=False
            )
        self.check_place(method, X)
        return X

    def _is_plain(self, X: Any) -> bool:
        """Return whether X is an array of finite floats, which validate_data returns as it is."""
        return (
            type(X) is np.ndarray
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and bool(np.isfinite(X.sum()))
        )
