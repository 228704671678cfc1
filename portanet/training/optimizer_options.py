"""What a trainer is told of its optimizer's options: it passes them on."""

from typing import Any

from portanet.errors import ArgumentError
from portanet.optimizer import Optimizer

_USUAL = {"clip_norm": None, "clip_value": None, "accumulate": 1}


class OptimizerOptions:
    """Options that belong to the optimizer, whichever a trainer has: None leaves one out."""

    def __init__(self, **options: Any) -> None:
        self.options = {name: value for name, value in options.items() if value is not None}
        self._passed_to: Optimizer | None = None

    def pass_on(self, optimizer: Optimizer) -> None:
        """Give the options to an optimizer, once: later it may be given others.

        Raises ArgumentError, before anything changes, if one is out of its range, or if the
        optimizer has been given another value for it.
        """
        if optimizer is self._passed_to:
            return
        for name, value in self.options.items():
            own = getattr(optimizer, name)
            if own not in (_USUAL[name], value):
                raise ArgumentError(
                    f"Trainer: {name} must be given once; is {value}, and {own} in {optimizer}. "
                    "Leave out one of the two"
                )
        optimizer.checked(self.options)  # raises for all of them before one is assigned
        for name, value in self.options.items():
            setattr(optimizer, name, value)
        self._passed_to = optimizer
