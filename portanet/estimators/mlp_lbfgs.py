"""fit_lbfgs: SciPy's L-BFGS-B on the loss of all samples."""

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from portanet.checks import skip_value_checks
from portanet.estimators.mlp_network import MLPNetwork, bias_of
from portanet.several import Weighted
from portanet.typing import Array


class FullBatch:
    """The loss of all samples and its gradient, as functions of one vector of the parameters.

    The vector has the weights of all layers, then the biases; it lies on the host, where SciPy is.
    """

    def __init__(self, network: MLPNetwork, X: Array, y: Array, weights: Array | None) -> None:
        self.network, self.X = network, X
        self.backend, self.dtype = network.placement  # once: it takes a walk through the network
        self.y = y if weights is None else Weighted.of(y, weights)
        linear = network.linear
        self.parameters = [layer.weights for layer in linear] + [bias_of(layer) for layer in linear]
        self.shapes = [parameter.form[0] for parameter in self.parameters]
        ends = np.cumsum([prod(shape) for shape in self.shapes]).tolist()
        self.parts = [slice(first, last) for first, last in pairwise([0, *ends])]

    def vector(self) -> np.ndarray:
        """Return the parameters."""
        return self._joined([parameter.value for parameter in self.parameters])

    def assign(self, vector: np.ndarray) -> None:
        """Let the network have other parameters."""
        for parameter, part, shape in zip(self.parameters, self.parts, self.shapes, strict=True):
            parameter.value = self.backend.asarray(vector[part].reshape(shape), self.dtype)

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient at a vector."""
        self.assign(vector)
        network, backend = self.network, self.backend
        with skip_value_checks():
            y_hat = network.forward_layers(self.X, {}, training=True)
            losses = network.criterion.forward(y_hat, self.y, training=True)
            network.set_gradients()
        loss = float(backend.to_numpy(backend.xp.mean(losses)))
        return loss, self._joined([parameter.grad for parameter in self.parameters])

    def _joined(self, arrays: list[Array]) -> np.ndarray:
        xp = self.backend.xp
        vector = xp.concat([xp.reshape(array, (-1,)) for array in arrays])
        return self.backend.to_numpy(vector).astype(np.float64, copy=False)


def fit_lbfgs(estimator: Any, network: MLPNetwork, X: Array, y: Array, weights: Any) -> None:
    """Minimize the loss; set n_iter_ and loss_, and let the estimator have the parameters."""
    from scipy.optimize import minimize
    from sklearn.utils.optimize import _check_optimize_result

    problem = FullBatch(network, X, y, weights)
    limits = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    found = minimize(problem, problem.vector(), method="L-BFGS-B", jac=True, options=limits)
    if estimator.verbose:
        print(f"L-BFGS-B: {found.nit} iterations, loss = {found.fun:.8f}: {found.message}")
    estimator.n_iter_ = _check_optimize_result("lbfgs", found, estimator.max_iter)
    estimator.loss_ = found.fun
    problem.assign(found.x)
    estimator.coefs_, estimator.intercepts_ = network.arrays()
