"""Derivatives: every backward beside finite differences of its forward, in float64 on NumPy.

Backends may agree on a wrong gradient: all run the same code.
"""

from collections.abc import Iterator

from portanet.errors import GradientError
from portanet.verify.catalogue import LayerCase, LossCase
from portanet.verify.gradients import check_gradients
from portanet.verify.report import Finding
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.layers import layer_input
from portanet.verify.runs.losses import loss_inputs


def check_derivatives(case: LayerCase | LossCase, seed: int) -> Iterator[Finding]:
    """Yield one finding for the gradients of a layer or a loss."""
    passed, note = True, ""
    try:
        if isinstance(case, LayerCase):
            check_gradients(case.layer(), layer_input(case, Draw(seed)))
        else:
            check_gradients(case.make(), *loss_inputs(case, Draw(seed)))
    except GradientError as error:
        passed, note = False, str(error)
    yield Finding(
        "derivative", case.kind, case.name, "gradients", "numpy", "float64", passed, note=note
    )
