"""What a row of the tables of mistakes is, and the small things that the snippets use."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from portanet import SGD, BCEWithLogits, DataLoader, Dataset, Linear, ReLU, Sequential, Trainer

F4 = np.float32
X, Y = np.ones((6, 3), F4), np.array([0, 1, 0, 1, 0, 1])


class Mistake(NamedTuple):
    """A snippet, the error or warning it meets, and four parts of the message, word for word.

    who     the class or function, with its name in the network if it is a layer there
    wanted  what would be right
    came    the user's own value, type or shape
    do      what to type
    """

    call: Callable[[], Any]
    error: type[Exception]
    who: str
    wanted: str
    came: str
    do: str


def model(criterion=None, n_out=1):
    """Return a network of Linear(3, 4), ReLU() and Linear(4, n_out)."""
    return Sequential([Linear(3, 4), ReLU(), Linear(4, n_out)], criterion or BCEWithLogits())


def loader(x=X, y=Y, batch_size=2, **options):
    return DataLoader(Dataset(x, y), batch_size, **options)


def trainer(net=None, x=X, y=Y, metric=None):
    net = net or model()
    return Trainer(net, SGD(net, lr=0.1), loader(x, y), loader(x, y), metric=metric)


def train(net=None, x=X, y=Y, metric=None):
    trainer(net, x, y, metric).train(1, log_level=0)
