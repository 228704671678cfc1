"""Together: what the ranks of a distributed run do beside the steps (portanet.distributed)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from portanet._version import __version__
from portanet.backends import backend_of
from portanet.data import Batches
from portanet.data.lazy_batch import LazyBatch
from portanet.distributed import Communicator
from portanet.distributed.ranks import Ranks
from portanet.errors import OrderError
from portanet.joined import sharing
from portanet.training.streams import streams_of
from portanet.typing import Array
from portanet.versioned import advance_version


class RankBatches:
    """The rows that this rank has of each batch, whose share is present while it is taken."""

    def __init__(self, batches: Batches, ranks: Ranks) -> None:
        self._batches, self._ranks = batches, ranks

    def lazy(self, start: int = 0) -> Iterator[LazyBatch]:
        """Return an epoch's batches; see Batches.lazy."""
        for batch in self._batches.lazy(start, self._ranks.own):
            assert batch.n_joined is not None
            with sharing(self._ranks.share(batch.n_joined)):
                yield batch


class Together:
    """The ranks of a run. All methods are collective: every rank calls them at the same place.

    Outside of train() rank 0 has what is common: the sums of an epoch's losses and of gradients
    that wait are whole there. Within train() each rank has a part of them.
    """

    def __init__(self, communicator: Communicator) -> None:
        self.communicator, self.ranks = communicator, Ranks(communicator)

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which prints and writes files."""
        return self.communicator.rank == 0

    def begin(self, trainer: Any) -> None:
        """Take over the weights and slots of rank 0, and leave the sums to it.

        Raises OrderError, on all ranks, unless all of them are about to do the same.
        """
        self._check_alike(_facts(trainer))
        model, memory = trainer.model, trainer.optimizer.memory
        for holder in [*model.parameters(), *model.named_buffers().values()]:
            holder.value = self._of_rank_0(holder.value)
        for _, slots in sorted(memory.slots.items()):
            for _, slot in sorted(slots.items()):
                slot[...] = self._of_rank_0(slot)
        if not self.is_first:
            self._put(trainer, [0.0, 0.0], lambda array: backend_of(array).xp.zeros_like(array))

    def gather(self, trainer: Any) -> None:
        """Let rank 0 have the sums of all, for a checkpoint or between two calls of train()."""
        losses = [0.0, 0.0]
        if trainer.position:
            losses = self.communicator.of_host(np.array(trainer.steps.loss_sums())).tolist()
        first = self.is_first

        def whole(array: Array) -> Array:
            total = self.ranks.reduction(array)
            return total if first else backend_of(array).xp.zeros_like(array)

        self._put(trainer, losses if first else [0.0, 0.0], whole)

    def share_buffers(self, trainer: Any) -> None:
        """Take over the buffers of rank 0: running statistics, of which each rank has its own."""
        for buffer in trainer.model.named_buffers().values():
            buffer.value = self._of_rank_0(buffer.value)

    def mean_loss(self, sums: list[float]) -> float:
        """Return the mean loss of an epoch from each rank's sums of losses and weights."""
        loss, weight, *errors = self.communicator.of_host(np.array(sums)).tolist()
        loss, weight = loss + errors[0], weight + errors[1]
        return loss / weight if weight else float("nan")

    def row(self, row: dict[str, float]) -> dict[str, float]:
        """Return the row of rank 0: what depends on it is decided alike everywhere."""
        own = np.array(list(row.values()), np.float64)
        found = self.communicator.of_host(own if self.is_first else np.zeros_like(own))
        return dict(zip(row, found.tolist(), strict=True))

    def largest(self, number: float) -> float:
        """Return the largest of a number over all ranks."""
        return float(self.communicator.of_host(np.array([float(number)]), "max")[0])

    def _of_rank_0(self, array: Array) -> Array:
        copy = backend_of(array).xp.asarray(array, copy=True, order="C")
        return self.communicator.broadcast(copy)

    def _put(self, trainer: Any, losses: list[float], of_sum: Callable[[Array], Array]) -> None:
        memory = trainer.optimizer.memory
        if trainer.position:
            trainer.steps.resume(losses)
        if memory.n_accumulated:
            sums = {name: of_sum(array) for name, array in sorted(memory.sums.items())}
            advance_version()
            memory.sums = sums

    def _check_alike(self, facts: dict[str, Any]) -> None:
        """Raise OrderError, on all ranks, if one is about to do something else than rank 0."""
        facts = json.loads(json.dumps(facts))
        first = json.loads(self.communicator.text_of_rank_0(json.dumps(facts)))
        other = next((name for name in first if facts.get(name) != first[name]), None)
        rank = self.communicator.rank
        worst = int(self.largest(-1 if other is None else rank))
        if worst < 0:
            return
        if other is None:
            raise OrderError(f"Trainer.train: all ranks must train alike, rank {worst} does not")
        raise OrderError(
            f"Trainer.train: all ranks must train alike; {other} is {facts.get(other)} on rank "
            f"{rank} and {first[other]} on rank 0. Run the same program with the same seed on all "
            "of them, and load a checkpoint on every rank"
        )


def _facts(trainer: Any) -> dict[str, Any]:
    """Return what must be alike on all ranks, by names for an error."""
    model, optimizer, dl = trainer.model, trainer.optimizer, trainer.train_dl
    numbers = {"n_steps": trainer.n_steps, "position": trainer.position}
    return {
        "portanet's version": __version__,
        "the parameters": {n: [*p.peek().shape] for n, p in model.named_parameters().items()},
        "the dtype": model.dtype,
        "the optimizer": repr(optimizer),
        "the training data": repr(dl),
        "seed and epoch of the shuffle": [*dl.key, dl.epoch],
        "the streams of dropout": streams_of(model, dl, trainer.val_dl),
        "the place in the run": numbers | {"epochs": len(trainer.history)},
        "the optimizer's place": [optimizer.n_steps, optimizer.n_accumulated],
        "compile": trainer.compiled is not None,
        "the callbacks": [type(callback).__name__ for callback in trainer.all_callbacks],
    }
