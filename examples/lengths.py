"""Sequences of different lengths: how deep are the brackets of a text nested?

    python examples/lengths.py --backend cupy

A text is 4 to 30 brackets, "(()(" say, padded to 30 for a batch. An LSTM reads it; told the
lengths, it stops at the end of each text, and a linear layer classifies its last state: 1 to 5
levels, or more. Lengths are a column of the data set, by the name that the layer has for them.
"""

import argparse

import numpy as np

import portanet
from portanet import (
    LSTM,
    Adam,
    CrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    Linear,
    Sequential,
    Trainer,
    accuracy,
)

PADDING, OPEN, CLOSE = 0, 1, 2
LONGEST, N_CLASSES = 30, 6


def texts(n, seed):
    """Return n texts: tokens (N, 30), lengths (N,), and the deepest level of each less one."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, LONGEST + 1, n)
    tokens, level, deepest = np.full((n, LONGEST), PADDING), np.zeros(n, int), np.zeros(n, int)
    for i in range(LONGEST):
        opens = (level == 0) | (rng.random(n) < 0.5)
        level += np.where(opens, 1, -1)
        tokens[:, i] = np.where(i >= lengths, PADDING, np.where(opens, OPEN, CLOSE))
        deepest = np.where(i >= lengths, deepest, np.maximum(deepest, level))
    return tokens, lengths, np.minimum(deepest, N_CLASSES) - 1


def data_set(n, seed):
    """Return n texts as a data set with two inputs."""
    tokens, lengths, classes = texts(n, seed)
    return Dataset({"tokens": tokens, "lengths": lengths}, classes)


def main(n_epochs=9, backend="numpy", seed=0, n_train=4000):
    """Train, and return the accuracy on texts that the network has not seen."""
    portanet.seed(seed)
    layers = [Embedding(3, 8), LSTM(8, 32, return_sequences=False), Linear(32, N_CLASSES)]
    model = Sequential(layers, CrossEntropy()).to(backend)
    train_dl = DataLoader(data_set(n_train, seed), batch_size=32, shuffle=True)
    test_dl = DataLoader(data_set(1000, seed + 1), batch_size=250)
    optimizer = Adam(model, lr=5e-3, clip_norm=1.0)
    trainer = Trainer(model, optimizer, train_dl, test_dl, metric=accuracy)
    trainer.train(n_epochs, log_level=3)
    return trainer.history[-1]["val_metric"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
