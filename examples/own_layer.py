"""A layer of your own, with its gradient check, trained on any backend.

python examples/own_layer.py --backend cupy
"""

import argparse

import numpy as np

import portanet
from portanet import (
    BCEWithLogits,
    DataLoader,
    Dataset,
    Layer,
    Linear,
    Parameter,
    Sequential,
    Trainer,
    array_namespace,
)


class ScaledTanh(Layer):
    """y = a tanh(x), with a learned scale a for each feature. Shapes: x and y (N, n), a (n,).

    With G = dL/dy: dL/dx = G a (1 - tanh²(x)), dL/da = the sum over the batch of G tanh(x).
    """

    def __init__(self, n):
        self.scale = Parameter(np.ones(n, np.float32))

    def forward(self, x, *, training=False):
        t = array_namespace(x).tanh(x)
        if training:
            self._saved = t
        return self.scale.value * t

    def backward(self, grad):
        t = self._take_saved()
        self.scale.grad = array_namespace(t).sum(grad * t, axis=0)
        return grad * self.scale.value * (1 - t * t)


def main(backend="numpy", n_epochs=15):
    """Train on XOR of the signs of two numbers; return the validation accuracy."""
    error = portanet.check_gradients(ScaledTanh(3), np.random.default_rng(0).normal(size=(4, 3)))
    print(f"gradients agree with finite differences to {error:.0e}")

    portanet.seed(0)
    X = np.random.default_rng(1).normal(size=(1200, 2))
    y = (X[:, 0] > 0) != (X[:, 1] > 0)
    model = Sequential([Linear(2, 16), ScaledTanh(16), Linear(16, 1)], BCEWithLogits()).to(backend)
    train_dl = DataLoader(Dataset(X[:1000], y[:1000]), batch_size=32, shuffle=True)
    val_dl = DataLoader(Dataset(X[1000:], y[1000:]), batch_size=200)
    optimizer = portanet.SGD(model, lr=0.3)
    trainer = Trainer(model, optimizer, train_dl, val_dl, metric=portanet.accuracy)
    trainer.train(n_epochs, log_level=5)
    return trainer.history[-1]["val_metric"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(parser.parse_args().backend)
