"""Thinc: a chain of its layers, with its optimizer."""

from itertools import pairwise

import numpy as np

from benchmarks.contenders import Contender, Data, Step, UnsupportedError, require
from benchmarks.networks import Network, batches


class ThincChain(Contender):
    name = "Thinc"

    def make(self, network: Network, data: Data) -> Step:
        api = require("thinc.api")
        if network.kind != "mlp":
            raise UnsupportedError("linear layers only")
        chain = build(api, network)
        optimizer = {"SGD": api.SGD, "Adam": api.Adam}[network.optimizer](
            network.lr, L2=0, grad_clip=0
        )
        one_hot = np.eye(network.n_classes, dtype=np.float32)
        y = data[1] if network.binary else one_hot[data[1]]
        parts = batches(network, data[0], y)

        def step(i: int) -> None:
            x, y = parts[i % len(parts)]
            y_hat, backward = chain.begin_update(x)
            backward((probability(network, y_hat) - y) / len(x))
            chain.finish_update(optimizer)

        return step


def build(api, network: Network):
    """Return ReLU layers (Thinc's have their weights inside), and a last one of logits or softmax."""
    pairs = list(pairwise(network.sizes))
    last = api.Linear if network.binary else api.Softmax
    layers = [*(api.Relu(n_out, n_inp) for n_inp, n_out in pairs[:-1]), last(*pairs[-1][::-1])]
    return api.chain(*layers).initialize()


def probability(network: Network, y_hat: np.ndarray) -> np.ndarray:
    """Return p, for the gradient p - y. Thinc's Softmax gives it already."""
    return 1 / (1 + np.exp(-y_hat)) if network.binary else y_hat
