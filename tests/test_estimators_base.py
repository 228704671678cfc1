"""What all estimators share, with the smallest estimator: a network that multiplies by 2."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import portanet
from portanet import Linear, Sequential
from portanet.errors import PlacementError
from portanet.estimators.base import NetworkEstimator
from portanet.estimators.labels import decoded, encoded


class Doubling(NetworkEstimator):
    def __init__(self, backend=None, device=None, dtype=None, compile=True):  # noqa: A002
        self.backend, self.device, self.dtype, self.compile = backend, device, dtype, compile

    def fit(self, X, y=None):
        backend, dtype = self.network_place(X)
        self.model_ = Sequential([Linear(1, 1)]).to(
            backend.name, device=backend.device, dtype=dtype
        )
        self.model_.layers[0].weights.value = backend.asarray(np.asarray([[2.0]]), dtype)
        self.follow(X)
        return self

    def predict(self, X):
        self.check_place("predict", X)
        return self.like(X, self.model_.forward(self.to_network(X)))


X = np.asarray([[1.0], [3.0]], np.float32)


def test_the_network_lies_where_x_lies_and_in_its_dtype(backend):
    estimator, here = Doubling(), backend
    x = here.asarray(X)
    found = estimator.fit(x).predict(x)
    assert estimator.model_.backend is here
    assert portanet.backend_of(found) is here
    assert here.to_numpy(found).tolist() == [[2.0], [6.0]]


def test_dtype_is_that_of_x_unless_it_is_named():
    assert Doubling().fit(X.astype("float64")).model_.dtype == "float64"
    assert Doubling(dtype="float32").fit(X.astype("float64")).model_.dtype == "float32"


def test_a_network_on_another_backend_takes_and_gives_arrays_of_x(backend):
    found = Doubling(backend=backend.name, device=backend.device).fit(X).predict(X)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [[2.0], [6.0]]


def test_an_estimator_moves_and_x_moves_with_it(backend):
    estimator, here = Doubling().fit(X), backend
    assert estimator.to_backend(backend.name, device=backend.device) is estimator
    assert estimator.model_.backend is here
    found = estimator.predict(here.asarray(X))
    assert portanet.backend_of(found) is here


def test_x_on_another_device_is_refused_in_words(backend):
    here = backend
    if backend.name == "numpy":
        with pytest.raises(NotFittedError):
            Doubling().to_backend("numpy")
        return
    with pytest.raises(
        PlacementError, match=rf"must use the same namespace .* to_backend\('{backend.name}'\)"
    ):
        Doubling().fit(X).predict(here.asarray(X))


def test_a_pickle_lies_on_the_host_and_the_estimator_stays(backend):
    estimator, here = Doubling().fit(X).to_backend(backend.name, device=backend.device), backend
    opened = pickle.loads(pickle.dumps(estimator))
    assert estimator.model_.backend is here
    assert opened.model_.backend.name == "numpy"
    assert opened.predict(X).tolist() == [[2.0], [6.0]]


@pytest.mark.parametrize("y", [["b", "a", "b"], [3, 1, 3], [2.5, -1.0, 2.5]])
def test_labels_come_back_as_they_were(y):
    y = np.asarray(y)
    classes, codes = encoded(y)
    assert codes.tolist() == [1, 0, 1]
    assert decoded(classes, codes).tolist() == y.tolist()
    assert decoded(classes, codes).dtype == y.dtype


def test_labels_on_a_backend_are_encoded_there(backend):
    here = backend
    classes, codes = encoded(here.asarray(np.asarray([3, 1, 3])))
    assert portanet.backend_of(codes) is here
    assert here.to_numpy(decoded(classes, codes)).tolist() == [3, 1, 3]


def test_without_scikit_learn_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['sklearn.base'] = None\n"
        "import portanet.estimators\n"
        "try:\n    portanet.estimators.NetworkEstimator\n"
        "except portanet.errors.BackendError as error:\n    print(error)\n"
        "try:\n    portanet.estimators.MLPClasifier\n"
        "except AttributeError as error:\n    print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = out.stdout.splitlines()
    assert "NetworkEstimator needs scikit-learn, which is not installed" in lines[0]
    assert "portanet.estimators: there is no MLPClasifier here" in lines[1]


def test_what_is_no_array_stays_where_an_estimator_moves():
    estimator, rng = Doubling().fit(X), np.random.RandomState(0)
    estimator.state_ = rng
    assert estimator.to_backend("strict").state_ is rng
