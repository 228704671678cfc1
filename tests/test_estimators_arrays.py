"""Arrays of every backend through the estimators, by scikit-learn's array API dispatch."""

import pickle
import subprocess
import sys
from unittest import SkipTest

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.utils import estimator_checks
from sklearn.utils._array_api import yield_namespace_device_dtype_combinations

import portanet
from portanet import Linear, Tanh
from portanet.callbacks import EarlyStopping
from portanet.estimators import (
    MLPClassifier,
    MLPRegressor,
    NeuralNetClassifier,
    NeuralNetRegressor,
)

X, y = load_iris(return_X_y=True)
X = X.astype(np.float32)


def make(n_features, n_outputs, hidden=10):
    return [Linear(n_features, hidden), Tanh(), Linear(hidden, n_outputs)]


OPTIONS = {"random_state": 0, "batch_size": 50}
ESTIMATORS = {
    "MLPClassifier": MLPClassifier([10], max_iter=20, learning_rate_init=0.02, tol=0, **OPTIONS),
    "MLPRegressor": MLPRegressor([10], max_iter=20, learning_rate_init=0.02, tol=0, **OPTIONS),
    "NeuralNetClassifier": NeuralNetClassifier(make, learning_rate=0.02, **OPTIONS),
    "NeuralNetRegressor": NeuralNetRegressor(make, learning_rate=0.02, **OPTIONS),
}
NAMESPACES = {"strict": "array_api_strict"}  # of backends that are called otherwise
ABSENT = ("cuda", "xpu", "mps", "gpu")


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return sklearn.clone(ESTIMATORS[request.param])


@pytest.fixture
def dispatch():
    with sklearn.config_context(array_api_dispatch=True):
        yield


def places(backend):
    """Return the (namespace, device, dtype) of scikit-learn's checks that a backend runs here."""
    namespace = NAMESPACES.get(backend.name, backend.name)
    every = yield_namespace_device_dtype_combinations()
    found = [place for place in every if place[0] == namespace and place[1] not in ABSENT]
    assert found
    return found


@pytest.mark.only_on("numpy", "strict", "torch", "cupy")
def test_scikit_learns_array_checks_by_values(estimator, backend):
    name = type(estimator).__name__
    for namespace, device, dtype in places(backend):
        for with_weights in (False, True):
            estimator_checks.check_array_api_input(
                name, estimator, namespace, device, dtype or "float64", True, with_weights
            )
