"""EpochLoss: the mean loss of an epoch so far, wherever its steps were taken."""

from portanet.compiler.runtime.parameter_memory import ParameterMemory
from portanet.layer import Sequential
from portanet.typing import Array


class EpochLoss:
    """The sum of an epoch's losses, and of what its samples count in the mean.

    They lie in the memory of the plans where there is one, so that a replay adds to them; `loss`
    and `weight` hold the rest: sums from before, and a count of samples that have no weights.
    """

    def __init__(self, model: Sequential) -> None:
        self.model = model
        self.loss: Array | float = 0.0
        self.weight: Array | float = 0
        self._home = model.backend

    def clear(self, memory: ParameterMemory | None) -> None:
        """Begin anew."""
        self.loss, self.weight = 0.0, 0
        if memory is not None:
            memory.clear_totals()

    def mean(self, memory: ParameterMemory | None) -> Array:
        """Return the mean loss, on the device."""
        totals = {} if memory is None else memory.totals()
        loss = self.loss + totals["total:loss"] if "total:loss" in totals else self.loss
        weight = self.weight
        if "total:weight" in totals:
            weight = weight + totals["total:weight"]
        return loss / weight  # pyright: ignore[reportReturnType]

    def add(self, losses: Array, y: Array) -> None:
        """Add a step that no plan has taken."""
        self._follow()
        xp, weights = self.model.backend.xp, self.model.criterion.weight_of(y)
        self.loss = self.loss + xp.sum(losses)
        self.weight = self.weight + (y.shape[0] if weights is None else xp.sum(weights))

    def leave(self, memory: ParameterMemory) -> None:
        """Remember what lies in a memory that is given up."""
        totals = memory.totals()
        self.loss = self.loss + totals.get("total:loss", 0.0)
        self.weight = self.weight + totals.get("total:weight", 0)

    def _follow(self) -> None:
        """Begin anew where the model has moved: an epoch ends where it began."""
        if self.model.backend is not self._home:
            self._home, self.loss, self.weight = self.model.backend, 0.0, 0
