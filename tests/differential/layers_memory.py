"""Users' layers that keep arrays from step to step: means, and what they saw."""

import numpy as np

from portanet import Buffer, Layer, Parameter


class Carried(Layer):
    """y = x + hidden, where hidden follows the mean of x: an array from step to step."""

    def __init__(self):
        self.hidden = None

    def forward(self, x, *, training=False):
        if training:
            self.remember(x)
        return x if self.hidden is None else x + self.hidden

    def backward(self, grad):
        return grad

    def remember(self, x):
        mean = x.mean(axis=0)
        self.hidden = mean if self.hidden is None else 0.5 * self.hidden + 0.1 * mean


class CarriedInPlace(Carried):
    def __init__(self):
        self.hidden = np.zeros(4)

    def forward(self, x, *, training=False):
        self.hidden *= 0.5
        self.hidden += 0.1
        return x + self.hidden.astype(x.dtype)


class FirstBatch(Carried):
    """Keeps the mean of the first batch for ever, as a normalization from data does."""

    def remember(self, x):
        if self.hidden is None:
            self.hidden = x.mean(axis=0)


class Seen(Carried):
    """Keeps what it saw, for the user to look at; computes nothing from it."""

    def __init__(self):
        self.seen = None

    def forward(self, x, *, training=False):
        self.seen = x
        return x


class SeenInEvaluation(Seen):
    def forward(self, x, *, training=False):
        if not training:
            self.seen = x
        return x


class SeenInBackward(Seen):
    def forward(self, x, *, training=False):
        return x

    def backward(self, grad):
        self.seen = grad
        return 0.5 * grad


class SeenInList(Seen):
    def __init__(self):
        self.seen = []

    def forward(self, x, *, training=False):
        self.seen = [*self.seen[-1:], x]
        return x


class SeenInDict(Seen):
    def __init__(self):
        self.seen = {}

    def forward(self, x, *, training=False):
        self.seen["x"], self.shape = x, x.shape
        return x


class RunningMean(Layer):
    """As documented: an array from step to step is a Buffer."""

    def __init__(self):
        self.mean, self.n = Buffer(np.zeros(4, np.float32)), Buffer(np.asarray(0))

    def forward(self, x, *, training=False):
        if training:
            self.mean.value = 0.9 * self.mean.value + 0.1 * x.mean(axis=0)
            self.n.value = self.n.value + 1
        return x - self.mean.value

    def backward(self, grad):
        return grad


class Renormalized(Layer):
    """y = x w, where w is brought to norm 1 in each forward pass of training."""

    def __init__(self):
        self.weights = Parameter(np.linspace(0.5, 1.5, 4, dtype=np.float32))

    def forward(self, x, *, training=False):
        if training:
            w = self.weights.value
            self.weights.value = w / (w * w).sum() ** 0.5
            self._saved = x
        return x * self.weights.value

    def backward(self, grad):
        self.weights.grad = (grad * self._take_saved()).sum(axis=0)
        return grad * self.weights.value


class ReadsGradient(Layer):
    """y = x, or x / 2 after a step whose own gradient was there: reads what the last step left."""

    def __init__(self):
        self.shift = Parameter(np.zeros(4, np.float32))

    def forward(self, x, *, training=False):
        self.k = 1.0 if self.shift.grad is None else 0.9
        return x * self.k + self.shift.value

    def backward(self, grad):
        self.shift.grad = grad.sum(axis=0)
        return grad * self.k


MEMORY = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Layer) and cls is not Layer
}
