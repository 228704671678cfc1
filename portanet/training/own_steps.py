"""OwnSteps: an epoch of steps as they are written, with the interface of compiled ones."""

from collections.abc import Callable
from typing import Any

from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.data import Batches
from portanet.layer import Parameter
from portanet.snapshot import Snapshot
from portanet.training.parts import check_losses
from portanet.typing import Array


class OwnSteps:
    """Calls a trainer's `step` with each batch; `losses` is the mean loss of the epoch so far."""

    def __init__(self, trainer: Any, losses: EpochLoss) -> None:
        self.trainer, self.losses = trainer, losses

    def epoch(
        self, batches: Batches, start: int = 0, after: Callable[[], bool] | None = None
    ) -> Array | None:
        """Take a step with each batch of an epoch, from `start` on; see CompiledStep.epoch."""
        if not start:
            self.losses.clear(None)
        for batch in batches.lazy(start):
            x, y = batch.gathered()
            losses = self.trainer.step(x, y)
            check_losses(type(self.trainer).__name__, losses, y)
            self.losses.add(losses, y)
            if after is not None and after():
                return None
        return self.running_loss()

    def parameters(self) -> dict[str, Parameter]:
        """Return the model's parameters by name, as they are after a step."""
        return self.trainer.model.named_parameters()

    def snapshot(self) -> Snapshot:
        """Return copies of the model's parameters and buffers."""
        return self.trainer.model.snapshot()

    def running_loss(self) -> Array:
        """Return the mean loss of the epoch so far, on the device."""
        return self.losses.mean(None)

    def loss_sums(self) -> list[float]:
        """Return what `resume` needs to go on within an epoch, on the host."""
        return self.losses.sums(None)

    def resume(self, sums: list[float]) -> None:
        """Go on within an epoch, of which so much is known."""
        self.losses.start_from(sums, None)
