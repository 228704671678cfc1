"""scikit-learn's own tests: its checks of estimators, and its test file for its MLPs."""

import inspect

import pytest
import sklearn_mlp_tests
from sklearn.utils.estimator_checks import parametrize_with_checks

from portanet.estimators import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("default"),  # these tests are written for warnings that are shown
]


# In float64: samples that are repeated and samples with weights are to agree to 1e-7.
IN_FLOAT64 = {"max_iter": 100, "dtype": "float64"}


@parametrize_with_checks([MLPClassifier(**IN_FLOAT64), MLPRegressor(**IN_FLOAT64)])
def test_checks_of_estimators(estimator, check):
    check(estimator)


@pytest.fixture
def global_random_seed():
    return 42


def _tests(*, in_dtype_of_x):
    module = sklearn_mlp_tests.load(in_dtype_of_x=in_dtype_of_x)
    found = dict(inspect.getmembers(module, inspect.isfunction))
    return {name: function for name, function in found.items() if name.startswith("test_")}


for name, function in _tests(in_dtype_of_x=False).items():
    if name not in {*sklearn_mlp_tests.CANNOT_APPLY, *sklearn_mlp_tests.IN_DTYPE_OF_X}:
        globals()[name] = function
for name in sklearn_mlp_tests.IN_DTYPE_OF_X:
    globals()[name] = _tests(in_dtype_of_x=True)[name]


def test_what_is_listed_is_there():
    """A test that scikit-learn has renamed or removed would be left out unseen."""
    names = {*sklearn_mlp_tests.CANNOT_APPLY, *sklearn_mlp_tests.IN_DTYPE_OF_X}
    assert names <= _tests(in_dtype_of_x=False).keys()
