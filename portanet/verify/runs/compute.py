"""compute: a case of any kind, for one draw, at a place."""

from collections.abc import Callable
from typing import Any

import numpy as np

from portanet.checks import skip_value_checks
from portanet.verify.catalogue import Case
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.kernels import run_kernel
from portanet.verify.runs.layers import run_layer
from portanet.verify.runs.losses import run_loss
from portanet.verify.runs.metrics import run_metric
from portanet.verify.runs.optimizers import run_optimizer
from portanet.verify.runs.where import Where

_RUNS: dict[str, Callable[[Any, Draw, Where], dict[str, np.ndarray]]] = {
    "layer": run_layer,
    "loss": run_loss,
    "optimizer": run_optimizer,
    "metric": run_metric,
    "kernel": run_kernel,
}


def compute(case: Case, draw: Draw, where: Where) -> dict[str, np.ndarray]:
    """Return the results of a case on the host, by name.

    >>> from portanet.backends import get
    >>> from portanet.verify.catalogue.linear import LINEAR
    >>> from portanet.verify.runs.where import OnBackend
    >>> list(compute(LINEAR[0], Draw(), OnBackend(get("numpy"), "float32")))
    ['forward', 'gradient of x', 'gradient of weights', 'gradient of bias']
    """
    with np.errstate(all="ignore"), skip_value_checks():
        return _RUNS[case.kind](case, draw, where)
