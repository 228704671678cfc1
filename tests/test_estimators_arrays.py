"""Arrays of every backend through the estimators, by scikit-learn's array API dispatch."""

import contextlib
import json
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

SKLEARN = tuple(map(int, sklearn.__version__.split(".")[:2]))
if SKLEARN < (1, 9):
    reason = (
        "earlier versions of scikit-learn check less, and set array-api-strict to an old standard"
    )
    pytest.skip(reason, allow_module_level=True)

X, y = load_iris(return_X_y=True)
X = X.astype(np.float32)


def make(n_features, n_outputs, hidden=10):
    return [Linear(n_features, hidden), Tanh(), Linear(hidden, n_outputs)]


OPTIONS = {"random_state": 0, "batch_size": 30}
OPTIONS_OF_MLPS = {
    "hidden_layer_sizes": [10], "max_iter": 20, "learning_rate_init": 0.02, "tol": 1e-3,
}  # fmt: skip
ESTIMATORS = {
    "MLPClassifier": MLPClassifier(**OPTIONS_OF_MLPS, **OPTIONS),
    "MLPRegressor": MLPRegressor(**OPTIONS_OF_MLPS, **OPTIONS),
    "NeuralNetClassifier": NeuralNetClassifier(make, learning_rate=0.02, **OPTIONS),
    "NeuralNetRegressor": NeuralNetRegressor(make, learning_rate=0.02, **OPTIONS),
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NAMESPACES = {"strict": "array_api_strict"}  # of backends that are called otherwise
# XLA compiles each operation anew for each shape; what follows X on JAX has tests of its own
NOT_JAX = pytest.mark.only_on("numpy", "cupy", "torch", "strict", "strict-no-float64")
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


@pytest.mark.only_on("strict", "torch")
def test_scikit_learns_checks_of_several_namespaces(estimator, backend):
    """Targets and weights go where X is; predictions for arrays of another kind are refused."""
    which = {"strict": "same_namespace", "torch": "mixed_inputs"}[backend.name]
    ran = []
    for one, check in estimator_checks.estimator_checks_generator(estimator):
        if which in str(check):
            with contextlib.suppress(SkipTest):  # of devices that no machine of ours has
                check(one)
                ran.append(check)
    assert ran


def float_dtype(backend):
    return "float64" if "float64" in backend.dtypes else "float32"


def test_results_follow_x(estimator, backend, dispatch):
    here, dtype = backend, float_dtype(backend)
    expected = sklearn.clone(estimator).fit(X.astype(dtype), y)
    x = here.asarray(X, dtype)
    found = estimator.fit(x, here.asarray(y))
    assert estimator.model_.backend is here
    for method in ("predict", "predict_proba"):
        if hasattr(estimator, method):
            result = getattr(found, method)(x)
            assert portanet.backend_of(result) is here
            wanted = getattr(expected, method)(X.astype(dtype))
            # 50 to 100 steps from the same numbers, rounded in other places
            tolerance = 1e-9 if dtype == "float64" else 1e-3
            np.testing.assert_allclose(here.to_numpy(result), wanted, atol=tolerance)
    if dtype == "float64" and here.name != "jax":  # what scikit-learn's scores are computed with
        wanted = expected.score(X.astype(dtype), y)
        assert found.score(x, here.asarray(y)) == pytest.approx(wanted, abs=1e-6)


@NOT_JAX
def test_labels_that_are_texts_come_back_as_numpys(backend, dispatch):
    here, names = backend, np.asarray(["setosa", "versicolor", "virginica"])[y]
    for estimator in (e for name, e in ESTIMATORS.items() if "Classifier" in name):
        x = here.asarray(X)
        found = sklearn.clone(estimator).fit(x, names).predict(x)
        assert isinstance(found, np.ndarray)
        assert np.mean(found == names) > 0.7


def test_without_dispatch_scikit_learn_makes_numpys_arrays(estimator, backend):
    x, is_host = backend.asarray(X), backend.name in ("numpy", "torch", "jax")
    if is_host:
        estimator.fit(x, y)
        assert isinstance(estimator.predict(x), np.ndarray)
        assert estimator.model_.backend.name == "numpy"
        return
    with pytest.raises((TypeError, RuntimeError), match=r"[Cc]onver|array_api_dispatch"):
        estimator.fit(x, y)


@NOT_JAX
def test_a_network_may_train_elsewhere_than_x(estimator, backend):
    """`backend` says where the network is; X and the results stay NumPy's."""
    device = backend.device if backend.name == "strict" else None
    estimator.set_params(backend=backend.name, device=device).fit(X, y)
    assert estimator.model_.backend is backend
    assert isinstance(estimator.predict(X), np.ndarray)
    expected = sklearn.clone(estimator).set_params(backend=None, device=None).fit(X, y)
    np.testing.assert_allclose(estimator.predict(X), expected.predict(X), atol=1e-3)


@NOT_JAX
def test_a_fitted_estimator_moves_and_goes_on_there(estimator, backend, dispatch):
    here = backend
    stays = sklearn.clone(estimator).fit(X, y)
    moves = sklearn.clone(estimator).fit(X, y).to_backend(backend.name, device=backend.device)
    x = here.asarray(X)
    assert portanet.backend_of(moves.predict(x)) is here
    moves.partial_fit(x, here.asarray(y))
    stays.partial_fit(X, y)
    moves.to_backend("numpy")
    np.testing.assert_allclose(moves.predict(X), stays.predict(X), atol=1e-3)


LIBRARIES = {"torch": ("torch",), "jax": ("jax", "jaxlib"), "cupy": ("cupy", "cupyx"),
             "strict": ("array_api_strict",), "numpy": ()}  # fmt: skip
OPEN = """
import pickle, sys

class Blocked:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in sys.argv[2].split(","):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
with open(sys.argv[1], "rb") as file:
    estimators, X = pickle.load(file)
for estimator in estimators:
    assert estimator.model_.backend.name == "numpy"
    print(estimator.predict(X).tolist())
    estimator.partial_fit(X, estimator.predict(X))
"""


def test_pickles_open_without_the_library_that_they_were_made_with(backend, dispatch, tmp_path):
    here = backend
    x = here.asarray(X)
    layers = [Linear(4, 10), Tanh()]
    callbacks = [EarlyStopping(2, of="loss")]
    estimators = [sklearn.clone(estimator) for estimator in ESTIMATORS.values()]
    for estimator in estimators:
        if isinstance(estimator, NeuralNetClassifier | NeuralNetRegressor):
            n = 3 if isinstance(estimator, NeuralNetClassifier) else 1
            estimator.set_params(module=[*layers, Linear(10, n)], callbacks=callbacks)
        estimator.fit(x, here.asarray(y))
    expected = [here.to_numpy(estimator.predict(x)) for estimator in estimators]
    path = tmp_path / "estimators.pickle"
    path.write_bytes(pickle.dumps((estimators, X)))
    blocked = ",".join(LIBRARIES[backend.name]) or "none"
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path), blocked], capture_output=True, text=True, check=True
    )
    for line, wanted in zip(done.stdout.splitlines(), expected, strict=True):
        np.testing.assert_allclose(np.asarray(json.loads(line)), wanted, atol=1e-4)
