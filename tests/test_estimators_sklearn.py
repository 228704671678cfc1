"""scikit-learn's own tests: its checks of estimators, and its test file for its MLPs."""

import inspect

import pytest
import sklearn_mlp_tests
from sklearn.utils.estimator_checks import parametrize_with_checks

from portanet.estimators import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("default"),  # these tests are written for warnings that are shown
]


@parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
def test_checks_of_estimators(estimator, check):
    check(estimator)


@pytest.fixture
def global_random_seed():
    return 42


def _tests():
    found = dict(inspect.getmembers(sklearn_mlp_tests.load(), inspect.isfunction))
    return {name: function for name, function in found.items() if name.startswith("test_")}


for name, function in _tests().items():
    if name not in sklearn_mlp_tests.CANNOT_APPLY:
        globals()[name] = function


def test_what_is_listed_is_there():
    """A test that scikit-learn has renamed or removed would be left out unseen."""
    assert sklearn_mlp_tests.CANNOT_APPLY.keys() <= _tests().keys()
