"""A layer of your own whose gradients are wrong, and what `portanet verify` says of it.

portanet verify --model examples/own_layer_wrong.py:layer --quick      the layer
portanet verify --model examples/own_layer_wrong.py:network --quick    a network that has it

Both end with exit status 1. This program prints what the first finds.
"""

import argparse

import numpy as np

import portanet
from portanet import BCEWithLogits, Layer, Linear, Parameter, Sequential, array_namespace


class WrongScaledTanh(Layer):
    """The layer of own_layer.py with two mistakes that training hides: it learns all the same."""

    def __init__(self, n):
        self.scale = Parameter(np.ones(n, np.float32))

    def forward(self, x, *, training=False):
        t = array_namespace(x).tanh(x)
        if training:
            self._saved = t
        return self.scale.value * t

    def backward(self, grad):
        t = self._take_saved()
        self.scale.grad = array_namespace(t).mean(grad * t, axis=0)  # a mean, where the sum is due
        return grad * (1 - t * t)  # the scale is forgotten


def layer():
    """Return the layer and an input, as `portanet verify --model` takes them."""
    return WrongScaledTanh(3), np.random.default_rng(0).normal(size=(4, 3))


def network():
    """Return a network with the layer in its midst, an input and targets."""
    wrong, x = layer()
    portanet.seed(0)
    return Sequential([Linear(3, 3), wrong, Linear(3, 1)], BCEWithLogits()), x, x[:, :1] > 0


def main(backend="numpy"):
    """Print what does not agree; return how many findings there are."""
    report = portanet.verify.run([backend], model=f"{__file__}:layer", quick=True)
    for finding in report.failures:
        print(f"{finding.check}: {finding.tensor} of {finding.case}\n    {finding.note}")
    return len(report.failures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(parser.parse_args().backend)
