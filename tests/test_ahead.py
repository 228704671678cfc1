"""Batches are made ahead, in order, no more than asked for, and the threads end."""

import gc
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import portanet
from portanet import MSE, SGD, DataLoader, Dataset, Linear, Sequential, Trainer
from portanet.data.ahead import Ahead

X = np.arange(24, dtype=np.float32)[:, None]
TASKS = Path("/proc/self/task")


class Counted:
    """A transform that says how many batches of two samples have been begun."""

    def __init__(self):
        self.begun = [threading.Event() for _ in range(12)]

    def __call__(self, x, rng):
        self.begun[int(x[0]) // 2].set()
        return x

    def n_begun(self):
        return sum(event.is_set() for event in self.begun)


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 1), (1, 3), (3, 2), (1, None)])
def test_as_many_are_made_ahead_as_asked_for(workers, prefetch):
    counted, n_ahead = Counted(), 2 * workers if prefetch is None else prefetch
    loader = DataLoader(Dataset(X, X, transform=counted), 2, workers=workers, prefetch=prefetch)
    for i, (x, _) in enumerate(loader):
        assert x[0, 0] == 2 * i
        for event in counted.begun[: i + 1 + n_ahead]:
            assert event.wait(60)  # while this batch is in use
        assert counted.n_begun() == min(12, i + 1 + n_ahead)


def test_without_workers_none_is():
    counted = Counted()
    for i, _ in enumerate(DataLoader(Dataset(X, X, transform=counted), 2, workers=0, prefetch=9)):
        assert counted.n_begun() == i + 1


def test_results_come_in_order_whoever_is_first():
    first_may_end = threading.Event()

    def call(i):
        if i == 0:
            assert first_may_end.wait(60)
        if i == 2:
            first_may_end.set()
        return i

    ahead = Ahead((partial(call, i) for i in range(9)), 3, 3)
    assert not ahead.is_next_made()
    assert list(ahead) == list(range(9))
    assert not ahead.is_next_made()


def has_at_most(n):
    """Threads end a moment after they are told to; only one that never ends fails."""
    for _ in range(600):
        if len(list(TASKS.iterdir())) <= n:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not TASKS.exists(), reason="no /proc to count threads in")
def test_no_thread_is_left():
    """By epochs that are left, loaders that are dropped, or evaluations on new loaders."""
    portanet.seed(0)
    model = Sequential([Linear(1, 1)], MSE())
    transform = portanet.augmentation.Noise(0.1)

    def new(workers=3):
        return DataLoader(Dataset(X, X, transform=transform), 2, workers=workers)

    trainer = Trainer(model, SGD(model, lr=1e-4), new(0), compile=False)
    trainer.train(1, log_level=0)
    gc.collect()
    before = len(list(TASKS.iterdir()))
    trainer.train_dl = new()
    for _ in range(20):
        trainer.evaluate(new())
    epoch = iter(trainer.train_dl)
    next(epoch)
    trainer.train(n_steps=5, log_level=0)
    del epoch
    assert has_at_most(before)


def test_trainers_in_two_threads_each_with_workers():
    found = {}

    def train(name):
        model = Sequential([Linear(1, 1, rng=np.random.default_rng(0))], MSE())
        data = Dataset(X / 24, X, transform=portanet.augmentation.Noise(0.1))
        loader = DataLoader(data, 5, True, seed=1, workers=2)
        trainer = Trainer(model, SGD(model, lr=0.1), loader)
        trainer.train(3, log_level=0)
        found[name] = trainer.history

    train("alone")
    threads = [threading.Thread(target=train, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found["first"] == found["second"] == found["alone"]
