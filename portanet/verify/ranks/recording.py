"""What is kept of a run: after each step the numbers that this rank has, and what it has read."""

from typing import Any

import numpy as np

from portanet.backends import backend_of
from portanet.callbacks.callback import Callback
from portanet.data import DataLoader
from portanet.layer import Layer
from portanet.random import seed
from portanet.trainer import Trainer
from portanet.typing import Array
from portanet.verify.ranks.networks import BATCH, N_EPOCHS, RankCase
from portanet.verify.runs.training import NotCompiledError

WAYS = ("readable", "compiled")
SAMPLES, LOSSES, RATE, END = "samples", "losses", "learning rate", "at the end, "

Recorded = dict[str, np.ndarray]
"""By name the numbers of all steps: of slots, that come with the first move, of the last steps."""


class NotedInput(Layer):
    """The identity, which notes by column 0 the samples of a step."""

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x."""
        if training:
            self.samples = _host(x[:, 0])
        return x

    def backward(self, grad: Array) -> Array:
        """Return grad."""
        return grad


class Recorder(Callback):
    """Keeps what a trainer has after each step."""

    def __init__(self, noted: NotedInput | None) -> None:
        self.noted, self.steps = noted, dict[str, list[np.ndarray]]()

    def on_step_end(self, trainer: Any) -> None:
        """Keep the samples, the losses of the epoch so far, the learning rate, and all arrays."""
        optimizer = trainer.optimizer
        state, rate = optimizer.state(), optimizer.lr
        if self.noted is not None:
            samples = self.noted.samples
            self._keep(SAMPLES, np.pad(samples, (0, BATCH - len(samples)), constant_values=np.nan))
        for name, buffer in trainer.model.named_buffers().items():
            self._keep(f"buffer {name}", buffer.value)
        self._keep(LOSSES, np.asarray(trainer.steps.loss_sums()[:2]))
        self._keep(RATE, np.asarray(rate(state.numbers["n_steps"]) if callable(rate) else rate))
        for name, slot in state.arrays.items():
            if not name.endswith("/+"):  # gradients that wait: each rank has a part of them
                self._keep(f"slot {name}", slot)
        for name, parameter in trainer.model.named_parameters().items():
            self._keep(f"value of {name}", parameter.value)

    def _keep(self, name: str, array: Array) -> None:
        self.steps.setdefault(name, []).append(_host(array))


def record(case: RankCase, way: str, place: str, dtype: str, *, distributed: bool) -> Recorded:
    """Train a network, as it is written or compiled, and return what its steps had.

    Raises NotCompiledError if its steps were to be compiled and are not.
    """
    seed(5)
    noted = NotedInput() if way == "readable" else None
    model = case.model() if noted is None else case.model(noted)
    model.to(place, dtype=dtype)
    recorder = Recorder(noted)
    trainer = Trainer(
        model, case.optimizer(model), DataLoader(case.data(), BATCH, shuffle=True),
        callbacks=[recorder], compile=noted is None, distributed=distributed,
    )  # fmt: skip
    trainer.train(N_EPOCHS, log_level=0)
    if trainer.compiled is not None and trainer.compiled.refused is not None:
        raise NotCompiledError(trainer.compiled.refused)
    found = {name: np.stack(arrays) for name, arrays in recorder.steps.items()}
    buffers = model.named_buffers().items()
    return found | {f"{END}buffer {name}": _host(buffer.value)[None] for name, buffer in buffers}


def _host(array: Array) -> np.ndarray:
    return np.array(backend_of(array).to_numpy(array))
