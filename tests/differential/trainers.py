"""Users' trainers, loaders and data sets: methods of public classes overridden."""

import tempfile

import numpy as np

from differential import world
from portanet import DataLoader, Dataset, Linear, Trainer, array_namespace


class Shrinking(Trainer):
    """Counts its steps, and shrinks the weights now and then."""

    calls = 0

    def step(self, x, y):
        self.calls += 1
        losses = super().step(x, y)
        if self.calls % 4 == 0:
            for p in self.model.parameters():
                p.value = 0.9 * p.value
        return losses


class Reversed(DataLoader):
    """Gives the last batch first, and looks at the weights meanwhile."""

    model = Linear(1, 1)

    def __iter__(self):
        for batch in reversed(list(super().__iter__())):
            self.sizes = [float(abs(p.value).sum()) for p in self.model.parameters()]
            yield batch


def mapped(x, y):
    """Return a data set on disk, which is read batch by batch."""
    held = np.memmap(tempfile.mkstemp(dir=world.FOLDER)[1], x.dtype, "w+", shape=x.shape)
    held[...] = x
    return Dataset(held, y)


class Doubled(Dataset):
    """Doubles what it is asked for, if it is floats."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return (2 * x if x.dtype.kind == "f" else x), y


TRAINERS = {"own step": Shrinking}
LOADERS = {"own loader": Reversed}
DATASETS = {"own dataset": Doubled, "memory map": mapped}


def mean_prediction(predictions, y):
    return array_namespace(predictions).mean(predictions)


def largest_prediction(predictions, y):
    return array_namespace(predictions).max(predictions)
