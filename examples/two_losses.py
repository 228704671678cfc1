"""Two inputs and two losses: from the mean and the spread of a tumour's cells to two answers.

    python examples/two_losses.py --backend cupy

Scikit-learn's breast-cancer data hold ten measurements of the cells of 569 tumours: their mean,
their standard error, and their worst value. From the first two groups, each with layers of its own,
a network predicts the worst area, and whether the tumour is benign. Inputs, outputs, losses and
metrics go by names.
"""

import argparse

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import portanet
from portanet import (
    MSE,
    Adam,
    BCEWithLogits,
    Concat,
    DataLoader,
    Dataset,
    Dropout,
    Graph,
    Input,
    Linear,
    Losses,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
    normalize,
    r2,
)

WORST_AREA = 23  # its column


def data():
    """Return two data sets: two inputs (N, 10), and the targets "area" and "benign"."""
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=9)
    X_train, X_test = normalize(X_train, X_test)
    return data_set(X_train, y_train), data_set(X_test, y_test)


def data_set(X, y):
    """Return a data set with two inputs and two targets."""
    inputs = {"mean": X[:, :10], "error": X[:, 10:20]}
    return Dataset(inputs, {"area": X[:, WORST_AREA], "benign": y})


def network():
    """Return the network: layers for each input, what they find side by side, two outputs."""
    mean, error = Input("mean"), Input("error")
    both = Concat()([ReLU()(Linear(10, 32)(mean)), ReLU()(Linear(10, 32)(error))])
    h = ReLU()(Linear(64, 32)(Dropout(0.2)(both)))
    return Graph([mean, error], {"area": Linear(32, 1)(h), "benign": Linear(32, 1)(h)})


def main(n_epochs=40, backend="numpy", seed=0):
    """Train, and return the mean of the two scores on the test set: R² and accuracy."""
    portanet.seed(seed)
    train, test = data()
    losses = Losses({"area": MSE(), "benign": BCEWithLogits()}, weights={"benign": 0.5})
    model = Sequential([network()], losses).to(backend)
    train_dl, test_dl = DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, 64)
    metrics = {"area": r2, "benign": accuracy}
    trainer = Trainer(model, Adam(model, lr=2e-3), train_dl, test_dl, metric=metrics)
    trainer.train(n_epochs, log_level=10)
    last = trainer.history[-1]
    return (last["val_metric.area"] + last["val_metric.benign"]) / 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
