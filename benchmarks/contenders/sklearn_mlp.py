"""scikit-learn's MLPClassifier. One partial_fit goes over all batches, and counts as so many steps."""

import warnings

from benchmarks.contenders import Contender, Data, Step, UnsupportedError, require
from benchmarks.networks import Network


class SklearnMLP(Contender):
    name = "scikit-learn's MLPClassifier"

    def make(self, network: Network, data: Data) -> Step:
        module = require("sklearn.neural_network")
        if network.kind != "mlp":
            raise UnsupportedError("linear layers only")
        X, y = data[0], data[1].ravel().astype(int)
        classes = list(range(max(2, network.n_classes)))
        classifier = module.MLPClassifier(
            network.sizes[1:-1], solver=network.optimizer.lower(), batch_size=network.batch, alpha=0,
            learning_rate_init=network.lr, momentum=0, shuffle=False,
        )  # fmt: skip
        classifier.partial_fit(X, y, classes=classes)

        def step(i: int) -> None:
            if i % network.n_batches == 0:
                with warnings.catch_warnings(action="ignore"):
                    classifier.partial_fit(X, y)

        return step
