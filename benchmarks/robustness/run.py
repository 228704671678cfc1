"""A run with everything that a checkpoint must bring back, and comparisons of such runs, bit for bit.

Shuffled batches, dropout, running statistics, a schedule that follows the loss, accumulated and
clipped gradients, averaged weights, early stopping, two logs; compiled or as it is written.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

import portanet
from portanet import (
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Dropout,
    ExponentialMovingAverage,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
    load,
)
from portanet.callbacks import Callback, Checkpoints, CSVLog, EarlyStopping, JSONLog
from portanet.schedules import Plateau, WarmUp

N_STEPS = 42  # of 4 an epoch: the run ends within one
N, BATCH = 50, 16


class Averaged(Callback):
    """Averages the weights as training goes on; saved and loaded with the trainer."""

    def __init__(self, model):
        self.ema = ExponentialMovingAverage(model, decay=0.9)

    def on_step_end(self, trainer):
        self.ema.update()

    def state(self):
        return self.ema.state()

    def load_state(self, state):
        self.ema.load_state(state)


def data():
    """Return inputs and labels, the same ones each time."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 5)).astype(np.float32)
    return X, X[:, 0] + 0.5 * rng.standard_normal(N) > 0


def made(
    folder=None, *, seed=0, ds=None, backend="numpy", dtype="float32", every_steps=1, sync=False,
    **options,
):  # fmt: skip
    """Return a trainer; with a folder it saves itself there, and writes its logs beside it."""
    portanet.seed(seed)
    layers = [
        Linear(5, 8, bias=False),
        BatchNorm1d(8, sync=sync),
        ReLU(),
        Dropout(0.3),
        Linear(8, 1),
    ]
    model = Sequential(layers, BCEWithLogits())
    model.to(backend, dtype=dtype)
    ds = Dataset(*data()) if ds is None else ds
    rate = WarmUp(Plateau(0.02, patience=0), 6)
    optimizer = Adam(model, lr=rate, accumulate=3, clip_norm=0.5)
    callbacks = [Averaged(model), EarlyStopping(100)]
    if folder is not None:
        logs = [kind(f"{folder}.{end}") for kind, end in ((JSONLog, "jsonl"), (CSVLog, "csv"))]
        callbacks += [*logs, Checkpoints(folder, every_steps=every_steps)]
    loaders = DataLoader(ds, BATCH, shuffle=True), DataLoader(ds, 32)
    return Trainer(model, optimizer, *loaders, accuracy, callbacks=callbacks, **options)


def resumed(folder, **options):
    """Return a trainer, made with another seed, that goes on from the newest checkpoint."""
    newest = Checkpoints(folder).newest()
    trainer = made(folder, seed=0 if newest is None else 7, **options)
    if newest is not None:
        load(newest, trainer.model, trainer.optimizer, trainer=trainer)
    return trainer


def finish(trainer, n_steps=N_STEPS):
    """Train to the end."""
    trainer.train(n_steps=n_steps - trainer.n_steps, log_level=0)
    return trainer


def arrays_of(trainer):
    """Return all arrays of a run, on the host: weights, statistics, slots, sums and means."""
    held = trainer.model.named_parameters() | trainer.model.named_buffers()
    arrays = {f"model/{name}": holder.value for name, holder in held.items()}
    for part, owner in (("optimizer", trainer.optimizer), ("trainer", trainer)):
        arrays |= {f"{part}/{name}": array for name, array in owner.state().arrays.items()}
    return {name: portanet.backend_of(array).to_numpy(array) for name, array in arrays.items()}


def content(trainer):
    """Return all numbers and arrays of a run as bytes."""
    numbers = [trainer.optimizer.state().numbers, trainer.state().numbers]
    found = [json.dumps(numbers, sort_keys=True).encode()]
    for name, array in sorted(arrays_of(trainer).items()):
        found += [f"{name} {array.dtype} {array.shape}".encode(), array.tobytes()]
    return b"\n".join(found)


def digest(trainer):
    """Return a short name of a run's content."""
    return hashlib.sha256(content(trainer)).hexdigest()[:16]


def logs(folder):
    """Return the two logs beside a folder."""
    return tuple(Path(f"{folder}.{end}").read_bytes() for end in ("jsonl", "csv"))
