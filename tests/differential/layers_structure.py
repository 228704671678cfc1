"""Users' layers whose path depends on numbers, or whose parts lie in unusual places."""

from types import SimpleNamespace

import numpy as np

from portanet import Layer, Linear, Parameter, array_namespace


class Branch(Layer):
    """y = k x, where k depends on the numbers in x."""

    def forward(self, x, *, training=False):
        self.k = self.factor(x)
        return x * self.k

    def backward(self, grad):
        return grad * self.k

    def factor(self, x):
        return 0.5 if x.sum() > 0 else 1.0


class BranchByFloat(Branch):
    def factor(self, x):
        return 1 / (1 + abs(float(x.mean())))


class BranchByItem(Branch):
    def factor(self, x):
        return 0.5 if x.max().item() > 2 else 1.0


class BranchByTry(Branch):
    def factor(self, x):
        try:
            return 0.5 if float(x.sum()) > 0 else 1.0
        except Exception:  # noqa: BLE001 - as users write it
            return 1.0


class BranchByType(Branch):
    def factor(self, x):
        return 0.5 if isinstance(x, np.ndarray) else 1.0


class BranchByShape(Branch):
    def factor(self, x):
        return 0.5 if x.shape[0] < 5 else 1.0


class BranchByTraining(Branch):
    def forward(self, x, *, training=False):
        self.k = 0.5 if training else 1.0
        return x * self.k


class NumpyFunctions(Layer):
    """Written for NumPy alone."""

    def forward(self, x, *, training=False):
        self._saved = np.tanh(x)
        return self._saved

    def backward(self, grad):
        return grad * (1 - np.square(self._take_saved()))


class AsArray(Branch):
    def factor(self, x):
        return float(np.asarray(x).std())


class WritesInPlace(Branch):
    """Writes into an array of its own making."""

    def forward(self, x, *, training=False):
        y = x * 0.5
        y[:, 0] = 1
        return y

    def backward(self, grad):
        grad = grad * 0.5
        grad[:, 0] = 0
        return grad


class WritesInput(Branch):
    """Changes the batch that it was given."""

    def forward(self, x, *, training=False):
        x += 1
        return x

    def backward(self, grad):
        return grad


class Masked(Branch):
    def factor(self, x):
        return x[x > 0].sum() * 0.01


class Wrapped(Layer):
    """Two linear layers; `each` says where they lie."""

    def __init__(self):
        self.parts = {"a": Linear(4, 4), "b": {"c": Linear(4, 4)}}

    def each(self):
        return [self.parts["a"], self.parts["b"]["c"]]

    def forward(self, x, *, training=False):
        for layer in self.each():
            x = layer.forward(x, training=training)
        return x

    def backward(self, grad):
        for layer in reversed(self.each()):
            grad = layer.backward(grad)
        return grad


class WrappedInTuple(Wrapped):
    def __init__(self):
        self.parts = (Linear(4, 4), [Linear(4, 4)])

    def each(self):
        return [self.parts[0], *self.parts[1]]


class WrappedInObject(Wrapped):
    def __init__(self):
        self.parts = SimpleNamespace(a=Linear(4, 4), b=Linear(4, 4))

    def each(self):
        return [self.parts.a, self.parts.b]


class Shift(Layer):
    """y = x + shift, a parameter in a dict; `memory_grad` is left for others to read."""

    def __init__(self):
        self.own = {"shift": Parameter(np.zeros(4, np.float32))}

    def forward(self, x, *, training=False):
        return x + self.own["shift"].value

    def backward(self, grad):
        self.own["shift"].grad = self.memory_grad = array_namespace(grad).sum(grad, axis=0)
        return grad


class Penalized(Layer):
    """y = x w with a penalty of w in its gradient, and a branch on w."""

    def __init__(self):
        self.w = Parameter(np.ones(4, np.float32))
        self.strength = 0.01

    def forward(self, x, *, training=False):
        self._saved = x
        return x * self.w.value

    def backward(self, grad):
        w = self.w.value
        self.w.grad = (grad * self._take_saved()).sum(axis=0) + self.strength * w
        return grad * w


STRUCTURE = {
    cls.__name__: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Layer) and cls not in (Layer, Linear)
}
