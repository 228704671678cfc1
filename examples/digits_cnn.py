"""A convolutional network for handwritten digits (scikit-learn's, 8 x 8 pixels).

python examples/digits_cnn.py --backend cupy
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import portanet
from portanet import (
    Adam,
    Conv2d,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Reshape,
    Sequential,
    Trainer,
)


def main(n_epochs=20, backend="numpy", seed=0):
    """Train, print the table, and return the validation accuracy."""
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X / 16, y, test_size=0.2, random_state=9)

    portanet.seed(seed)
    layers = [
        Reshape((1, 8, 8)),
        Conv2d(1, 16, 3, padding="same"), ReLU(),
        Conv2d(16, 32, 3, padding="same"), ReLU(), MaxPool2d(2),
        Conv2d(32, 64, 3, padding="same"), ReLU(), MaxPool2d(2),
        Flatten(), Dropout(0.4), Linear(256, 10),
    ]  # fmt: skip
    model = Sequential(layers, CrossEntropy(label_smoothing=0.1)).to(backend)
    train_dl = DataLoader(Dataset(X_train, y_train), batch_size=64, shuffle=True)
    val_dl = DataLoader(Dataset(X_val, y_val), batch_size=360)
    trainer = Trainer(model, Adam(model, lr=2e-3), train_dl, val_dl, metric=portanet.accuracy)
    trainer.train(n_epochs, log_level=5)
    return trainer.history[-1]["val_metric"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
