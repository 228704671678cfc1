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

from portanet.estimators import MLPClassifier, MLPRegressor

FILE = Path(sklearn.__file__).parent / "neural_network" / "tests" / "test_mlp.py"

# Tests that cannot apply, each with its reason.
CANNOT_APPLY = {
    "test_gradient": "calls _loss_grad_lbfgs, a private method with scikit-learn's own buffers",
}


def load() -> ModuleType:
    """Return scikit-learn's test module, whose MLPs are portanet's."""
    ours = ModuleType("sklearn.neural_network")
    for cls in (MLPClassifier, MLPRegressor):
        setattr(ours, cls.__name__, cls)
    spec = importlib.util.spec_from_file_location("sklearn_test_mlp", FILE)
    module = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {"sklearn.neural_network": ours}):
        spec.loader.exec_module(module)
    return module
