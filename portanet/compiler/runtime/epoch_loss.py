"""Sums: what an epoch has lost so far, wherever its steps were taken."""

from typing import Any

from portanet.compiler.runtime.parameter_memory import Store
from portanet.layer import Sequential
from portanet.typing import Array


class Sums:
    """The sum of an epoch's losses, and of what its samples count in the mean.

    They lie in the memory of the plans where there is one, so that a replay adds to them; `loss`
    and `weight` hold the rest: sums from before, and a count of samples that have no weights.
    """

    def __init__(self, model: Sequential) -> None:
        self.model = model
        self.loss: Any = 0.0
        self.weight: Any = 0
        self._home = model.backend

    def clear(self, store: Store | None) -> None:
        """Begin anew."""
        self.loss, self.weight = 0.0, 0
        if store is not None:
            store.clear_totals()

    def mean(self, store: Store | None) -> Array:
        """Return the mean loss, on the device."""
        totals = {} if store is None else store.totals()
        return totals.get("total:loss", self.loss) / totals.get("total:weight", self.weight)

    def add(self, store: Store | None, losses: Array, y: Array) -> None:
        """Add a step that no plan has taken."""
        self._follow()
        xp, weights = self.model.backend.xp, self.model.criterion.weight_of(y)
        loss, n = xp.sum(losses), y.shape[0] if weights is None else xp.sum(weights)
        if store is None:
            self.loss, self.weight = self.loss + loss, self.weight + n
            return
        totals = store.totals()
        store.put("total:loss", totals["total:loss"] + loss)
        if "total:weight" in totals:
            store.put("total:weight", totals["total:weight"] + n)
        else:
            self.weight += n

    def enter(self, store: Store) -> None:
        """Let a new store go on from here."""
        self._follow()
        xp, dtype = self.model.backend.xp, self.model.backend.dtype(self.model.dtype)
        zero = xp.zeros((), dtype=dtype)
        store.put("total:loss", zero + self.loss)
        if "total:weight" in store.totals():
            store.put("total:weight", zero + self.weight)

    def leave(self, store: Store) -> None:
        """Remember what lies in a store that is given up."""
        totals = store.totals()
        self.loss = 0 + totals.get("total:loss", self.loss)
        self.weight = 0 + totals.get("total:weight", self.weight)

    def _follow(self) -> None:
        """Begin anew where the model has moved: an epoch ends where it began."""
        if self.model.backend is not self._home:
            self._home, self.loss, self.weight = self.model.backend, 0.0, 0
