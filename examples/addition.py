"""Sequences: a network that reads two numbers, digit by digit, and writes their sum.

    python examples/addition.py --backend cupy

407 + 85 is the input "704+580====" and the output "2940" at the four "=": last digit first, as in
addition on paper, so that each digit of the sum depends on two digits and a carry from before. The
input is an integer for each character. The score is measured on pairs of numbers that are not in
the training data, in neither order, and a sum counts only if all of its digits are right. On one
core this takes about seven minutes.
"""

import argparse

import numpy as np

import portanet
from portanet import (
    GRU,
    Adam,
    CrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    Linear,
    Sequential,
    Trainer,
    array_namespace,
)
from portanet.schedules import Cosine, WarmUp

PLUS, EQUALS, NOTHING = 10, 11, -1  # beside the digits 0 to 9


def digits(numbers, n):
    """Return the n digits of each number, the last one first."""
    return numbers[:, None] // 10 ** np.arange(n) % 10


def written(a, b, n):
    """Return the characters of the input, and the target at each of them."""
    plus, ask = np.full((len(a), 1), PLUS), np.full((len(a), n + 1), EQUALS)
    x = np.concatenate([digits(a, n), plus, digits(b, n), ask], axis=1)
    nothing = np.full((len(a), 2 * n + 1), NOTHING)
    return Dataset(x, np.concatenate([nothing, digits(a + b, n + 1)], axis=1))


def sums(n, n_train, n_test, seed):
    """Return two data sets of sums of numbers of up to n digits, without a pair in common."""
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(10**n)  # a <= b: each pair once
    chosen = rng.permutation(len(a))[: n_train + n_test]
    swapped = rng.random(len(chosen)) < 0.5
    a, b = np.where(swapped, b[chosen], a[chosen]), np.where(swapped, a[chosen], b[chosen])
    return written(a[:n_train], b[:n_train], n), written(a[n_train:], b[n_train:], n)


def all_digits_right(probabilities, y):
    """Return the share of the sums of which every digit is right."""
    xp = array_namespace(probabilities)
    right = (xp.argmax(probabilities, axis=-1) == y) | (y == NOTHING)
    return xp.mean(xp.astype(xp.all(right, axis=1), probabilities.dtype))


def main(n_epochs=4, backend="numpy", seed=0, n_digits=3, n_train=100_000, n_test=5000):
    """Train a GRU of 128 units, print some of its sums, and return the share that is right."""
    portanet.seed(seed)
    train, test = sums(n_digits, n_train, n_test, seed)
    layers = [Embedding(12, 16), GRU(16, 128), Linear(128, 10)]
    model = Sequential(layers, CrossEntropy(ignore_index=NOTHING)).to(backend)
    train_dl = DataLoader(train, batch_size=128, shuffle=True)
    n_steps = n_epochs * len(train_dl)
    lr = WarmUp(Cosine(5e-3, n_steps), n_steps // 20)
    test_dl = DataLoader(test, batch_size=1000)
    trainer = Trainer(model, Adam(model, lr=lr), train_dl, test_dl, metric=all_digits_right)
    trainer.train(n_epochs)
    show(model, test, n_digits)
    return trainer.history[-1]["val_metric"]


def show(model, test, n):
    """Print the first sums of a data set as the network writes them."""
    questions = test.X[:5]
    x = model.backend.asarray(questions, model.backend.index_dtype())
    answers = model.backend.to_numpy(model.forward(x)).argmax(axis=-1)[:, 2 * n + 1 :]
    powers = 10 ** np.arange(n + 1)
    for q, answer in zip(questions, answers, strict=True):
        a, b = q[:n] @ powers[:n], q[n + 1 : 2 * n + 1] @ powers[:n]
        print(f"{a:4} + {b:3} = {answer @ powers:4}{'' if a + b == answer @ powers else '  wrong'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    main(options.epochs, options.backend)
