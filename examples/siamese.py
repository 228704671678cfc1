"""A siamese network: do two images show the same digit?

    python examples/siamese.py --backend cupy

Both images (scikit-learn's digits, 8 x 8 pixels) go through one body, which is called twice, so
that its gradients are those of both calls, added up. What it says of them is multiplied feature by
feature, and a linear layer decides. The score is the accuracy on pairs of images that the network
has not seen, half of them of the same digit.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import portanet
from portanet import (
    Adam,
    BCEWithLogits,
    DataLoader,
    Dataset,
    Graph,
    Input,
    Linear,
    Multiply,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
)


def pairs(X, y, n, seed):
    """Return n pairs of images (N, 64), and whether they show the same digit: half of them do."""
    i, j = np.random.default_rng(seed).integers(0, len(X), (2, 10 * n))
    same = y[i] == y[j]
    chosen = np.concatenate([np.flatnonzero(same)[: n // 2], np.flatnonzero(~same)[: n // 2]])
    return X[i[chosen]], X[j[chosen]], same[chosen]


def data_set(X, y, n, seed):
    """Return n pairs as a data set with two inputs."""
    left, right, same = pairs(X, y, n, seed)
    return Dataset({"left": left, "right": right}, same)


def network():
    """Return the network: one body for both images, a product, a linear layer."""
    left, right = Input("left"), Input("right")
    body = Sequential([Linear(64, 128), ReLU(), Linear(128, 64)])
    return Graph([left, right], Linear(64, 1)(Multiply()([body(left), body(right)])))


def main(n_epochs=15, backend="numpy", seed=0, n_train=8000):
    """Train, and return the accuracy on pairs of unseen images."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=9)

    portanet.seed(seed)
    model = Sequential([network()], BCEWithLogits()).to(backend)
    train_dl = DataLoader(data_set(X_train, y_train, n_train, seed), batch_size=64, shuffle=True)
    test_dl = DataLoader(data_set(X_test, y_test, 2000, seed), batch_size=500)
    trainer = Trainer(model, Adam(model, lr=1e-3), train_dl, test_dl, metric=accuracy)
    trainer.train(n_epochs, log_level=3)
    return trainer.history[-1]["val_metric"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
