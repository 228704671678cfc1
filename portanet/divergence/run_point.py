"""RunPoint: all that training changes, copied on the device, to go back to."""

from typing import Any

from portanet.state import State


class RunPoint:
    """A copy of a run: model, optimizer, place in the epoch, streams of chance, history.

    What callbacks remember is left alone, but for the average of the weights: they are told of an
    epoch when it is over.
    """

    def __init__(self, trainer: Any) -> None:
        run = trainer.state()
        kept = {n: s for n, s in run.numbers["callbacks"].items() if n.startswith("WeightAverage")}
        self.run = State(run.arrays, run.numbers | {"callbacks": kept})
        self.model, self.optimizer = trainer.model.snapshot(), trainer.optimizer.state()

    def restore(self, trainer: Any) -> None:
        """Let a trainer be where it was; as often as one likes."""
        trainer.model.restore(self.model)
        trainer.optimizer.load_state(self.optimizer)
        trainer.load_state(self.run)
