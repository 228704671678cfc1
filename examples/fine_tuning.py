"""Fine-tuning: a network that knows the digits learns from 60 images which of them have a loop.

    python examples/fine_tuning.py --backend cupy

A convolutional network with batch norms is trained on scikit-learn's digits. Its body is then
frozen, weights and running statistics both, and a new last layer learns from 60 images whether a
digit has a closed loop, as 0, 6, 8 and 9 have. The score is its accuracy on unseen images.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import portanet
from portanet import (
    Adam,
    BatchNorm2d,
    Conv2d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Reshape,
    Sequential,
    Trainer,
    accuracy,
)


def body():
    """Return layers from 64 pixels to 32 features."""
    return [
        Reshape((1, 8, 8)),
        Conv2d(1, 16, 3, padding="same"), BatchNorm2d(16), ReLU(), MaxPool2d(2),
        Conv2d(16, 32, 3, padding="same"), BatchNorm2d(32), ReLU(), MaxPool2d(2),
        Flatten(), Linear(128, 32), ReLU(),
    ]  # fmt: skip


def train(name, layers, data, n_epochs, backend):
    """Train a network, print how it does on the test set, and return it with its accuracy."""
    X_train, X_test, y_train, y_test = data
    model = Sequential(layers, CrossEntropy()).to(backend)
    train_dl = DataLoader(Dataset(X_train, y_train), batch_size=32, shuffle=True)
    test_dl = DataLoader(Dataset(X_test, y_test), batch_size=360)
    trainer = Trainer(model, Adam(model, lr=3e-3), train_dl, test_dl, metric=accuracy)
    trainer.train(n_epochs, log_level=0)
    last = trainer.history[-1]
    print(f"{name:6} | val_loss= {last['val_loss']:.3f} | val_metric= {last['val_metric']:.3f}")
    return model, last["val_metric"]


def main(n_epochs=8, backend="numpy", seed=0):
    """Train, print the scores, and return that of the fine-tuned network."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=9)
    loop_train, loop_test = (np.isin(y, (0, 6, 8, 9)).astype(int) for y in (y_train, y_test))
    digits = X_train, X_test, y_train, y_test
    loops = X_train[:60], X_test, loop_train[:60], loop_test

    portanet.seed(seed)
    model, _ = train("digits", [*body(), Linear(32, 10)], digits, n_epochs, backend)
    layers = [model[:-1].freeze(), Linear(32, 2)]
    _, score = train("loops", layers, loops, 20 * n_epochs, backend)
    return score


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
