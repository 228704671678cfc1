"""The blog's network in plain NumPy: classes with forward and backward, and nothing clever."""

from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Data, Step, UnsupportedError
from benchmarks.networks import Network, batches, initial_weights


class Linear:
    def __init__(self, weights, bias):
        self.parameters = [weights, bias]

    def forward(self, x):
        self.x = x
        return x @ self.parameters[0] + self.parameters[1]

    def backward(self, grad):
        self.grads = [self.x.T @ grad, grad.sum(axis=0)]
        return grad @ self.parameters[0].T


class ReLU:
    parameters = ()

    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, grad):
        return np.where(self.x > 0, grad, 0)


def binary_cross_entropy(z, y):
    """Return the losses and the gradient of their mean, z logits."""
    losses = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    return losses, (1 / (1 + np.exp(-z)) - y) / len(z)


def cross_entropy(z, y):
    """Return the losses and the gradient of their mean, z logits, y class indices."""
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    total = e.sum(axis=1, keepdims=True)
    rows = np.arange(len(z))
    grad = e / total
    grad[rows, y] -= 1
    return np.log(total[:, 0]) - z[rows, y], grad / len(z)


class SGD:
    def __init__(self, lr):
        self.lr = lr

    def step(self, layers):
        for layer in layers:
            for i in range(len(layer.parameters)):
                layer.parameters[i] = layer.parameters[i] - self.lr * layer.grads[i]


class Adam:
    def __init__(self, lr):
        self.lr, self.t, self.means = lr, 0, {}

    def step(self, layers):
        self.t += 1
        for layer in layers:
            for i in range(len(layer.parameters)):
                g = layer.grads[i]
                m, v = self.means.get((layer, i), (0.0, 0.0))
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
                self.means[layer, i] = m, v
                root = np.sqrt(v / (1 - 0.999**self.t)) + 1e-8
                layer.parameters[i] = layer.parameters[i] - self.lr * (m / (1 - 0.9**self.t)) / root


class NumpyBlog(Contender):
    name = "NumPy, as in the blog"

    def make(self, network: Network, data: Data) -> Step:
        if network.kind != "mlp":
            raise UnsupportedError("linear layers only")
        weights = list(initial_weights(network).values())
        layers: list[Any] = []
        for w, b in zip(weights[::2], weights[1::2], strict=True):
            layers += [Linear(w, b), ReLU()]
        layers.pop()
        loss = binary_cross_entropy if network.binary else cross_entropy
        optimizer = {"SGD": SGD, "Adam": Adam}[network.optimizer](network.lr)
        parts = batches(network, *data)

        def step(i: int) -> Any:
            x, y = parts[i % len(parts)]
            for layer in layers:
                x = layer.forward(x)
            losses, grad = loss(x, y)
            for layer in reversed(layers):
                grad = layer.backward(grad)
            optimizer.step(layers)
            return losses

        return step
