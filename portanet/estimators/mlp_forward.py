"""The forward pass of a fitted MLP: a few hundred samples at once, which stay in the cache."""

from typing import Any

from portanet.checks import dtype_name
from portanet.estimators.mlp_network import MLPNetwork
from portanet.part import moved
from portanet.typing import Array

ROWS = 512


def outputs(network: MLPNetwork, X: Any) -> Array:
    """Return the outputs before their link, (N, K), where the network lies, in X's dtype.

    So probabilities of float64 data are float64, and add up to 1 as others' do.

    X is an array of any backend, or a sparse matrix, whose rows are made dense as they are needed.
    """
    if X.shape[0] <= ROWS:
        y_hat = _pass(network, X)
    else:
        starts = range(0, X.shape[0], ROWS)
        y_hat = network.backend.xp.concat([_pass(network, X[i : i + ROWS]) for i in starts])
    backend, dtype = network.backend, dtype_name(X.dtype)
    return backend.asarray(y_hat, dtype) if dtype in backend.dtypes else y_hat


def _pass(network: MLPNetwork, x: Any) -> Array:
    x = x.toarray() if hasattr(x, "toarray") else x
    return network.forward_layers(moved(x, *network.placement), {}, training=False)
