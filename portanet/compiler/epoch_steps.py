"""EpochSteps: a compiled step taken with each batch of an epoch, one call for all of them."""

from collections.abc import Callable
from threading import RLock

from portanet.compiler.plans import Key
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.compiler.step_parts import StepParts
from portanet.data import Batches
from portanet.errors import OrderError
from portanet.layer import Parameter
from portanet.several import Arrays
from portanet.snapshot import Snapshot, snapshot_of_vector
from portanet.typing import Array
from portanet.versioned import LATEST


class EpochSteps(StepParts):
    """Takes an epoch's steps: the replays of its plans here, all others by the two methods below.

    epoch_loss  the mean loss of the epoch so far
    """

    epoch_loss: EpochLoss
    _lock: RLock

    def _first_step(self, key: Key, x: Arrays, y: Arrays) -> Array:
        raise NotImplementedError

    def _event(self, planned: CheckedPlan, x: Arrays, y: Arrays) -> Array:
        raise NotImplementedError

    def parameters(self) -> dict[str, Parameter]:
        """Return the model's parameters by name, as they are after a step."""
        memory = self.plans.memory
        return self.model.named_parameters() if memory is None else memory.parameters

    def snapshot(self) -> Snapshot:
        """Return model.snapshot(), without a walk over the model where a plan knows its arrays."""
        memory = self.plans.memory if self.plans.hold() else None
        vector = None if memory is None else memory.vector(memory.parameters)
        if memory is None or vector is None:
            return self.model.snapshot()
        return snapshot_of_vector(vector, memory.shapes, memory.buffers)

    def settle(self) -> None:
        """Take over what was assigned to the model, so that it lies in the plans' memory again."""
        self.plans.hold()

    def epoch(
        self, batches: Batches, start: int = 0, after: Callable[[], bool] | None = None
    ) -> Array | None:
        """Take a step with each batch of an epoch; return the mean loss, on the device.

        An epoch that was stopped goes on at batch `start`. `after` is called after each step; where
        it returns True the epoch stops, and None is returned.
        """
        if not self._lock.acquire(blocking=False):
            raise OrderError("Trainer.train: another thread trains with this step; train in turn")
        try:
            self.settle()
            if not start:
                self.epoch_loss.clear(self.plans.memory)
            for batch in batches.lazy(start):
                key = self._key(batch.kind)
                planned = self.plans.find(key)
                if planned is None:
                    self._first_step(key, *batch.gathered())
                elif not planned.until_event:
                    self._event(planned, *batch.gathered())
                else:
                    version = LATEST[0]
                    planned.plan.gather(batch)
                    planned.replay()
                    self.plans.count(planned, version)
                if after is not None and after():
                    return None
            return self.running_loss()
        finally:
            self._lock.release()

    def running_loss(self) -> Array:
        """Return the mean loss of the epoch so far, on the device."""
        return self.epoch_loss.mean(self.plans.memory)

    def loss_sums(self) -> list[float]:
        """Return what `resume` needs to go on within an epoch, on the host."""
        return self.epoch_loss.sums(self.plans.memory)

    def resume(self, sums: list[float]) -> None:
        """Go on within an epoch, of which so much is known."""
        self.epoch_loss.start_from(sums, self.plans.memory)
