"""Users' layers that count steps, in every place where a count can lie."""

import itertools
from types import SimpleNamespace

import numpy as np

from differential import world
from portanet import Layer


class Counted(Layer):
    """y = x k(n), where n counts the steps of training."""

    n = 0

    def forward(self, x, *, training=False):
        if training:
            self.count()
        self.k = self.factor()
        return x * self.k

    def backward(self, grad):
        return grad * self.k

    def count(self):
        self.n += 1

    def factor(self):
        return 1 / (1 + 0.1 * self.n)


class CountedOnly(Counted):
    def factor(self):
        return 1.0


class EveryFifth(Counted):
    def factor(self):
        return 0.5 if self.n % 5 == 4 else 1.0


class CountedInList(Counted):
    def __init__(self):
        self.seen = []

    def count(self):
        self.seen.append(len(self.seen))

    def factor(self):
        return 1 / (1 + 0.1 * len(self.seen))


class CountedInObject(Counted):
    def __init__(self):
        self.held = SimpleNamespace(n=0)

    def count(self):
        self.held.n += 1

    def factor(self):
        return 1 / (1 + 0.1 * self.held.n)


class CountedGlobally(Counted):
    def count(self):
        world.COUNTS["n"] += 1

    def factor(self):
        return 1 / (1 + 0.1 * world.COUNTS["n"])


class CountedByIterator(Counted):
    def __init__(self):
        self.numbers, self.last = itertools.count(), 0

    def count(self):
        self.last = next(self.numbers)

    def factor(self):
        return 0.5 if self.last % 5 == 4 else 1.0


class CountedInArray(Counted):
    def __init__(self):
        self.held = np.zeros(1)

    def count(self):
        self.held[0] += 1

    def factor(self):
        return 1 / (1 + 0.1 * float(self.held[0]))


class CountedInBackward(Counted):
    def count(self):
        pass

    def backward(self, grad):
        self.n += 1
        return grad * self.k


class CountedInEvaluation(Counted):
    def forward(self, x, *, training=False):
        self.n += not training
        self.k = self.factor()
        return x * self.k


class Annealed(Counted):
    """Ends after three steps, when a plan may be in use already."""

    def factor(self):
        return max(0.5, 1 - 0.2 * self.n) if self.n < 4 else 0.5


COUNTERS = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Layer) and cls is not Layer
}
