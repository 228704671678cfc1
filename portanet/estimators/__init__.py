"""scikit-learn estimators: MLPs that drop in for scikit-learn's, and any network as an estimator.

scikit-learn is imported when one of these names is first asked for: `import portanet` needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from portanet.backends._installing import WHERE, install
from portanet.errors import BackendError
from portanet.unknown_name import unknown_name

if TYPE_CHECKING:
    from portanet.estimators.base import NetworkEstimator as NetworkEstimator
    from portanet.estimators.mlp_classifier import MLPClassifier as MLPClassifier
    from portanet.estimators.mlp_regressor import MLPRegressor as MLPRegressor
    from portanet.estimators.neural_net_classifier import NeuralNetClassifier as NeuralNetClassifier
    from portanet.estimators.neural_net_regressor import NeuralNetRegressor as NeuralNetRegressor

_HOMES = {
    "MLPClassifier": "mlp_classifier",
    "MLPRegressor": "mlp_regressor",
    "NetworkEstimator": "base",
    "NeuralNetClassifier": "neural_net_classifier",
    "NeuralNetRegressor": "neural_net_regressor",
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise unknown_name(name, __all__, __name__)
    try:
        module = import_module(f"portanet.estimators.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise BackendError(
            f"portanet.estimators: {name} needs scikit-learn, which is not installed; {WHERE} run: "
            f"{install('sklearn')}"
        ) from error
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return __all__
