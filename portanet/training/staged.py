"""StagedLoaders: loaders whose data lie on the model's device, for as long as the loaders live."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from portanet.compiler import CompiledEvaluation
from portanet.compiler.options import Fast
from portanet.data import Batches, DataLoader
from portanet.metrics.measured import Measured
from portanet.sequential import Sequential

MAX_OTHERS = 2  # loaders beside the trainer's own whose data stay staged, while they live


class Staged:
    """A loader's batches for a model, and the compiled evaluation of them."""

    def __init__(
        self, loader: DataLoader, model: Sequential, forget: Callable[[Any], None]
    ) -> None:
        self.loader = weakref.ref(loader, forget)
        self.batches = Batches(loader, model, weak=True)
        self.tried: dict[str, Measured] = {}  # metrics that are known to work for these batches
        self._evaluation: CompiledEvaluation | None = None

    def compiled(
        self, model: Sequential, metrics: dict[str, Measured], fast: Fast
    ) -> CompiledEvaluation | None:
        """Return the compiled evaluation of these batches; None if only readable steps can do it.

        Which samples a batch has must be known beforehand, so a subclass's order or slices are not
        compiled.
        """
        loader: DataLoader = self.batches.loader
        if not self.batches.resident or loader.has_own_order() or loader.has_own_slices():
            return None
        if self._evaluation is None or self._evaluation.metrics != metrics:
            self._evaluation = CompiledEvaluation(model, metrics, fast)
        return self._evaluation


class StagedLoaders:
    """The loaders that a trainer has used lately.

    No loader is kept alive. Beside the trainer's own, at most MAX_OTHERS are kept staged.
    """

    def __init__(self) -> None:
        self._staged: dict[int, Staged] = {}  # by the loader's id, the last used last

    def find(
        self, loader: DataLoader, model: Sequential, own: Sequence[DataLoader | None]
    ) -> Staged:
        """Return what is staged of a loader; staged anew if its data or the model are others.

        `own` are the trainer's loaders, which stay staged.
        """
        known = self._staged.pop(id(loader), None)
        if known is None or known.loader() is not loader or not known.batches.is_current(model):
            self._make_room(loader, own)
            known = Staged(loader, model, self._forget(id(loader)))
        self._staged[id(loader)] = known
        return known

    def _forget(self, key: int) -> Callable[[Any], None]:
        """Return what is called when a loader dies; it keeps nothing alive."""
        owner = weakref.ref(self)

        def forget(_: Any) -> None:
            loaders = owner()
            if loaders is not None:
                loaders._staged.pop(key, None)

        return forget

    def _make_room(self, loader: DataLoader, own: Sequence[DataLoader | None]) -> None:
        """Give up those that were used least lately, so that one more can be staged."""
        kept = [loader, *own]
        others = [
            key for key, staged in self._staged.items()
            if not any(staged.loader() is dl for dl in kept)
        ]  # fmt: skip
        n_free = MAX_OTHERS if any(loader is dl for dl in own) else MAX_OTHERS - 1
        for key in others[: max(0, len(others) - n_free)]:
            del self._staged[key]
