"""Ctrl-C at any instruction of a trainer or a loader: train() goes on as if it had not come."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest

import portanet
from portanet import SGD, BCEWithLogits, DataLoader, Dataset, Linear, Sequential, Trainer, accuracy
from portanet.checks import skips_value_checks
from portanet.data.epoch import is_in_data_order

F4 = np.float32
FOLDER = Path(portanet.__file__).parent
WATCHED = tuple(str(FOLDER / name) for name in ("trainer", "data", "training", "running_sum"))
X = np.random.default_rng(0).standard_normal((12, 3)).astype(F4)


class Interrupt:
    """Raises KeyboardInterrupt at the n-th instruction of some files."""

    def __init__(self, n, files):
        self.left, self.files = n, files

    def __call__(self, frame, event, arg):
        if not frame.f_code.co_filename.startswith(self.files):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def interrupted(n, call, files):
    """Call, with an interrupt at the n-th instruction; return whether it came."""
    interrupt, before = Interrupt(n, files), sys.gettrace()
    sys.settrace(interrupt)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupt.left <= 0


class FromFiles(Dataset):
    def __getitem__(self, index):
        return X[index], X[index, 0] > 0


def trainer(road):
    portanet.seed(0)
    model = Sequential([Linear(3, 1)], BCEWithLogits())
    data = FromFiles(X, X[:, 0] > 0) if road == "own" else Dataset(X, X[:, 0] > 0)
    loaders = [DataLoader(data, 4, True, seed=1), DataLoader(data, 5, True, seed=2)]
    return Trainer(model, SGD(model, lr=0.1), *loaders, accuracy, compile=road == "compiled")


EVERYWHERE, ITSELF = (
    (*WATCHED, contextlib.__file__),
    (
        str(FOLDER / "trainer.py"),
        str(FOLDER / "training" / "epochs.py"),
    ),
)


@pytest.mark.parametrize(
    ("road", "files", "step"),
    [("readable", EVERYWHERE, 41), ("own", EVERYWHERE, 41), ("compiled", EVERYWHERE, 41),
     ("readable", ITSELF, 1), ("own", ITSELF, 1), ("compiled", ITSELF, 7)],
    ids=lambda value: "" if isinstance(value, tuple) else None,
)  # fmt: skip
def test_training_goes_on(road, files, step):
    """After the interrupt an epoch is the one that follows: the order is the next of the stream."""
    n, came = 1, True
    while came:
        t = trainer(road)
        if road == "compiled":
            t.train(2, log_level=0)
        rows = len(t.history)
        came = interrupted(n, lambda t=t: t.train(2, log_level=0), files)
        assert not skips_value_checks()
        assert not is_in_data_order()
        assert len(t.history) <= rows + 2
        epoch, steps = t.train_dl.epoch, t.optimizer.n_steps
        weights = [p.value.copy() for p in t.model.parameters()]
        assert steps <= 3 * epoch
        t.train(1, log_level=0)
        assert all(set(row) == {"loss", "val_loss", "val_metric"} for row in t.history)
        assert (t.train_dl.epoch, t.val_dl.epoch) == (epoch + 1, 0)
        assert t.optimizer.n_steps == steps + 3
        wanted = trainer("readable")
        wanted.train_dl.epoch, wanted.history = epoch, []
        for p, value in zip(wanted.model.parameters(), weights, strict=True):
            p.value = value
        wanted.train(1, log_level=0)
        assert t.history[-1] == pytest.approx(wanted.history[-1], rel=1e-5)
        n += step
    assert n > (1000 if step > 1 and road != "compiled" else 300)


def test_evaluation_that_is_interrupted_leaves_no_trace():
    n, came = 1, True
    while came:
        t = trainer("own")
        state = t.state()
        came = interrupted(n, lambda t=t: t.evaluate(t.train_dl), EVERYWHERE)
        assert not is_in_data_order()
        assert not skips_value_checks()
        assert t.state() == state
        n += 17
