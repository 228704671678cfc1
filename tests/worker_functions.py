"""Data sets and transforms that worker processes can import, and what they see there."""

import os
import signal
import sys
import time

import numpy as np

from portanet import DataLoader, Dataset, batchwise

F4 = np.float32
X = np.random.default_rng(0).standard_normal((23, 3)).astype(F4)
Y = X[:, 0] > 0
DEVICES = ("cupy", "torch", "jax", "cuda")


def noise(x, rng):
    return (x + rng.normal(0, 0.1, x.shape)).astype(F4)


@batchwise
def surroundings(X, rng):
    """Return the process, whether it has a library of devices, sees one, and takes Ctrl-C."""
    loaded = any(name in sys.modules for name in DEVICES)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    ignores = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return np.tile([os.getpid(), loaded, hidden, ignores], (len(X), 1))


def fails(x, rng):
    if x[0] == X[9, 0]:
        raise OwnError(9, "no such file")
    return x


class OwnError(Exception):
    """One that cannot be sent as it is: its constructor wants more than its text."""

    def __init__(self, number, why):
        super().__init__(f"{number}: {why}")


def divides(x, rng):
    return 1 // int(x[0] == 5)


def kills(x, rng):
    if x[0] == X[9, 0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


class FromFiles(Dataset):
    """Has no X and y: every batch is made in a worker."""

    def __init__(self):
        pass

    def __len__(self):
        return 23

    def __getitem__(self, index):
        return 2 * X[index], Y[index]


def slow(x, rng):
    time.sleep(0.05)
    return x


def endless():
    """A program that trains for ever in two processes, and says which they are."""
    data = Dataset(X, Y, transform=[slow, surroundings])
    loader = DataLoader(data, 2, workers=2, processes=True)
    while True:
        print(*sorted({int(x[0, 0]) for x, _ in loader}), flush=True)


if __name__ == "__main__":
    # what a shell has started in the background ignores Ctrl-C, and so do its children
    signal.signal(signal.SIGINT, signal.default_int_handler)
    endless()
