"""Regression: the progression of diabetes in a year. A small network beside scikit-learn's.

    python examples/diabetes.py --backend cupy

442 patients, ten measurements each, and one number to predict. The best known R² for these data is
near 0.5: the ten numbers explain about half of the variance, so that linear regression is nearly as
good as any network, and a network without regularization is worse.
"""

import argparse
import warnings

from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor

import portanet
from portanet import (
    MSE,
    Adam,
    DataLoader,
    Dataset,
    Linear,
    Normalizer,
    ReLU,
    Sequential,
    Trainer,
    r2,
)

DECAY = 0.05  # weight decay: without it both networks overfit
# the same decay in scikit-learn, which halves the loss; its batches have 200 samples
ALPHA = DECAY / 2 * 200


def split(seed):
    """Return X_train, X_test, y_train, y_test, normalized with the training data's statistics."""
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y[:, None], test_size=0.25, random_state=seed
    )
    inputs, targets = Normalizer().fit(X_train), Normalizer().fit(y_train)
    return (
        inputs.transform(X_train),
        inputs.transform(X_test),
        targets.transform(y_train),
        targets.transform(y_test),
    )


def train(data, n_epochs, backend="numpy", log_level=0):
    """Train 10-32-16-1 with Adam and L2 decay; return R² on the test set."""
    X_train, X_test, y_train, y_test = data
    layers = [Linear(10, 32), ReLU(), Linear(32, 16), ReLU(), Linear(16, 1)]
    model = Sequential(layers, MSE()).to(backend)
    train_dl = DataLoader(Dataset(X_train, y_train), batch_size=32, shuffle=True)
    test_dl = DataLoader(Dataset(X_test, y_test), batch_size=len(X_test))
    trainer = Trainer(model, Adam(model, lr=1e-3, weight_decay=DECAY), train_dl, test_dl, metric=r2)
    trainer.train(n_epochs, log_level)
    return trainer.history[-1]["val_metric"]


def reference(data, seed):
    """Return the R² of scikit-learn's network of the same size, and of linear regression."""
    X_train, X_test, y_train, y_test = data
    mlp = MLPRegressor(hidden_layer_sizes=(32, 16), alpha=ALPHA, max_iter=3000, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)  # trained to convergence, or no figure
        mlp.fit(X_train, y_train[:, 0])
    return mlp.score(X_test, y_test), LinearRegression().fit(X_train, y_train).score(X_test, y_test)


def main(n_epochs=80, backend="numpy", seed=0):
    """Train, print the scores, and return R² on the test set."""
    portanet.seed(seed)
    data = split(seed)
    score = train(data, n_epochs, backend, log_level=max(n_epochs // 4, 1))
    mlp, line = reference(data, seed)
    print(f"R² on {len(data[1])} patients of the test set")
    print(f"  portanet, 10-32-16-1, {n_epochs} epochs  {score:.3f}")
    print(f"  scikit-learn's MLPRegressor      {mlp:.3f}")
    print(f"  scikit-learn's LinearRegression  {line:.3f}")
    return score


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
