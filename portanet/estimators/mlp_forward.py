"""The forward pass of a fitted MLP: a thousand samples at once, which stay in the cache."""

from typing import Any

from portanet.checks import dtype_name
from portanet.estimators.mlp_network import MLPNetwork, bias_of
from portanet.layers import Linear
from portanet.part import moved
from portanet.typing import Array

ROWS = 1024


def outputs(network: MLPNetwork, X: Any) -> Array:
    """Return the outputs before their link, (N, K), where the network lies, in X's dtype.

    So probabilities of float64 data are float64, and add up to 1 as others' do.

    X is an array of any backend, or a sparse matrix, whose rows are made dense as they are needed.
    """
    backend, dtype = network.placement

    def part(x: Any) -> Array:
        x = x.toarray() if hasattr(x, "toarray") else x
        return _pass(network, moved(x, backend, dtype))

    if X.shape[0] <= ROWS:
        y_hat = part(X)
    else:
        y_hat = backend.xp.concat([part(X[i : i + ROWS]) for i in range(0, X.shape[0], ROWS)])
    given = dtype_name(X.dtype)
    return backend.asarray(y_hat, given) if given in backend.dtypes else y_hat


def _pass(network: MLPNetwork, x: Array) -> Array:
    """Return the last layer's output; biases are added in place, which spares an array a layer."""
    for layer in network.layers:
        if isinstance(layer, Linear):
            x = x @ layer.weights.value
            x += bias_of(layer).value
        else:
            x = layer.forward(x)
    return x
