"""scikit-learn's own tests of its MLPs, with portanet's in their place.

The file that is installed with scikit-learn is run as it is, under another module name, with
`sklearn.neural_network` replaced while it is imported.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import sklearn

from portanet.estimators import MLPClassifier, MLPRegressor, NetworkEstimator

FILE = Path(sklearn.__file__).parent / "neural_network" / "tests" / "test_mlp.py"

# Tests that cannot apply, each with its reason.
CANNOT_APPLY = {
    "test_gradient": "calls _loss_grad_lbfgs, a private method with scikit-learn's own buffers",
}
# Tests that are about float64: they run with estimators that compute in X's dtype (all tests do so
# with dtype="float64" on float64 data), the others with the default.
IN_DTYPE_OF_X = {
    "test_mlp_param_dtypes": "the weights have X's dtype",
    "test_nonfinite_params": "X does not fit into float32, which is said at once",
    "test_partial_fit_regression": "two orders of one sum agree to 1e-7",
}


class InDtypeOfX:
    """An estimator that computes in X's dtype whatever that is, as scikit-learn's do."""

    def network_place(self, X):
        """Return what the base class says, without the default of MLPs."""
        return NetworkEstimator.network_place(self, X)


def load(*, in_dtype_of_x: bool) -> ModuleType:
    """Return scikit-learn's test module, whose MLPs are portanet's."""
    ours = ModuleType("sklearn.neural_network")
    for cls in (MLPClassifier, MLPRegressor):
        own = type(cls.__name__, (InDtypeOfX, cls), {}) if in_dtype_of_x else cls
        setattr(ours, cls.__name__, own)
    spec = importlib.util.spec_from_file_location("sklearn_test_mlp", FILE)
    module = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {"sklearn.neural_network": ours}):
        spec.loader.exec_module(module)
    return module
