"""WeightAverage: the moving average of the weights, which a trainer updates and validates."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portanet.callbacks.callback import Callback
from portanet.ema import ExponentialMovingAverage
from portanet.sequential import Sequential
from portanet.state import State, entry

_WHO = "WeightAverage"


class WeightAverage(Callback):
    """Updates an ExponentialMovingAverage after each step in which the optimizer has moved.

    The mean starts from the weights with which training begins: also if they have been loaded, or
    the model has been replaced, after this object was made.
    """

    def __init__(self, model: Sequential, decay: float) -> None:
        self.mean = ExponentialMovingAverage(model, decay)
        self.n_updates = 0
        self._n_moves = 0

    def on_train_start(self, trainer: Any) -> None:
        """Begin with the present weights, unless there is a mean of them."""
        if not self.n_updates or self.mean.model is not trainer.model:
            self.begin(trainer.model)
        self._n_moves = trainer.optimizer.n_steps

    def on_step_end(self, trainer: Any) -> None:
        """Update the mean, if the weights have moved."""
        if trainer.optimizer.n_steps != self._n_moves:
            self._n_moves = trainer.optimizer.n_steps
            self.n_updates += 1
            self.mean.update_with(trainer.steps.parameters())

    def begin(self, model: Sequential) -> None:
        """Forget the mean, and begin with the weights that a model has now."""
        self.mean, self.n_updates = ExponentialMovingAverage(model, self.mean.decay), 0

    @contextmanager
    def weights(self, model: Sequential) -> Iterator[None]:
        """Within this block a model has the mean's values, if there is a mean of its weights."""
        if self.n_updates and self.mean.model is model:
            with self.mean.weights():
                yield
        else:
            yield

    def state(self) -> State:
        """Return the mean, and how often it was updated."""
        found = self.mean.state()
        return State(found.arrays, found.numbers | {"n_updates": self.n_updates})

    def load_state(self, state: State) -> None:
        """Go on from a state. Raises what ExponentialMovingAverage.load_state raises."""
        n_updates = entry(_WHO, state, "n_updates", "an integer >= 0")
        self.mean.load_state(state)
        self.n_updates = n_updates
