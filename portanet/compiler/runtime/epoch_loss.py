"""EpochLoss: the mean loss of an epoch so far, wherever its steps were taken."""

from math import nan
from typing import Any

from portanet.backends import Backend
from portanet.compiler.runtime.parameter_memory import ParameterMemory
from portanet.running_sum import RunningSum, two_sum
from portanet.sequential import Sequential
from portanet.several import Arrays, n_samples
from portanet.typing import Array


class EpochLoss:
    """The sum of an epoch's losses, and of what its samples count in the mean.

    A replay adds to sums that lie in the memory of the plans. The rest is here: losses of steps
    that no plan has taken, sums from a memory that was dropped, and in `n` the samples of replays
    that have no weights. `hand_over` moves it there, so that an epoch is added up in the order of
    its steps: where it was stopped and resumed would show in the last place else.
    """

    def __init__(self, model: Sequential) -> None:
        self.model = model
        self._home: Backend | None = None
        self.clear(None)

    def clear(self, memory: ParameterMemory | None) -> None:
        """Begin anew."""
        self.n = 0
        # a model that has moved has no memory of plans yet; to ask it takes a walk through it
        home = self.model.backend if memory is None or self._home is None else self._home
        if home is not self._home:
            self._home = home
            self._loss, self._weight = RunningSum(home), RunningSum(home)
        self._loss.clear()
        self._weight.clear()
        if memory is not None:
            memory.clear_totals()

    def mean(self, memory: ParameterMemory | None) -> Array:
        """Return the mean loss, on the device; NaN of no samples: a rank may have given its own."""
        totals = {} if memory is None else memory.totals()
        loss = self._loss.value + totals.get("total:loss", 0)
        weight = self._weight.value + totals.get("total:weight", 0) + self.n
        if hasattr(weight, "dtype"):
            return loss / self.model.backend.xp.where(weight == 0, nan, weight)
        return loss / (weight or nan)

    def sums(self, memory: ParameterMemory | None) -> list[float]:
        """Return the sum of the losses and of what the samples count, on the host.

        Followed by what rounding took off each, 0 where they are kept in float64: a run that is
        resumed adds to the same numbers, and ranks add up as many.
        """
        losses, error = _together(self._loss.parts, memory, "total:loss")
        weights, of_weights = _together(self._weight.parts, memory, "total:weight")
        return [losses, weights + self.n, error, of_weights]

    def start_from(self, sums: list[float], memory: ParameterMemory | None) -> None:
        """Go on from what `sums` has returned; files of earlier versions have no errors."""
        self.clear(memory)
        errors = sums[2:] or [0.0, 0.0]
        self._loss.start(sums[0], errors[0])
        self._weight.start(sums[1], errors[1])

    def add(self, losses: Array, y: Arrays) -> None:
        """Add a step that no plan has taken."""
        self._follow()
        xp, weights = self.model.backend.xp, self.model.criterion.weight_of(y)
        self._loss.add(xp.sum(losses))
        self._weight.add(n_samples(y) if weights is None else xp.sum(weights))

    def hand_over(self, memory: ParameterMemory | None) -> None:
        """Let the sums in a memory go on from those here."""
        for name, here in (("total:loss", self._loss), ("total:weight", self._weight)):
            if memory is not None and name in memory.homes:
                home, lost = memory.homes[name], f"{name}:error"
                if lost in memory.homes:
                    total, error = two_sum(home, here.parts[0])
                    memory.put(lost, memory.homes[lost] + error + here.parts[1])
                else:
                    total = home + here.value
                memory.put(name, total)
                here.clear()

    def leave(self, memory: ParameterMemory) -> None:
        """Remember what lies in a memory that is given up."""
        totals = memory.totals()
        self._loss.add(totals["total:loss"])
        self._weight.add(totals.get("total:weight", 0))

    def _follow(self) -> None:
        """Begin anew where the model has moved: an epoch ends where it began."""
        if self.model.backend is not self._home:
            self.clear(None)


def _together(
    here: tuple[Any, Any], memory: ParameterMemory | None, name: str
) -> tuple[float, float]:
    """Return a sum here and the one in a memory as one, and what rounding took off it."""
    homes = {} if memory is None else memory.homes
    total, error = (float(x) for x in here)
    total, more = two_sum(total, float(homes.get(name, 0)))
    return total, error + more + float(homes.get(f"{name}:error", 0))
