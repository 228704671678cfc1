"""The blog's formulas again, in plain NumPy and from the mathematics: the oracle of test_blog.py."""

import numpy as np


def train(weights, batches_of_epochs, X_val, y_val, lr=0.1):
    """Train x -> relu(x W1 + b1) W2 + b2 -> sigmoid on BCE with SGD; return weights and history.

    weights: [W1, b1, W2, b2] for two layers, [W, b] for logistic regression.
    """
    weights, history = [w.astype(np.float64) for w in weights], []
    for batches in batches_of_epochs:
        losses = []
        for x, y in batches:
            inputs, p = predict(weights, x)
            losses += list(cross_entropy(p, y))
            grad = (p - y) / len(x)  # of the mean loss, through BCE and sigmoid at once
            for i in range(len(weights) - 2, -1, -2):
                grad_w, grad_b = inputs[i // 2].T @ grad, grad.sum(axis=0)
                if i:
                    grad = (grad @ weights[i].T) * (inputs[i // 2] > 0)
                weights[i], weights[i + 1] = weights[i] - lr * grad_w, weights[i + 1] - lr * grad_b
        p = predict(weights, X_val)[1]
        history.append(
            (np.mean(losses), cross_entropy(p, y_val).mean(), np.mean((p > 0.5) == y_val))
        )
    return weights, history


def predict(weights, x):
    """Return the input of every linear layer, and the probabilities."""
    inputs = [x]
    for i in range(0, len(weights) - 2, 2):
        inputs.append(np.maximum(inputs[-1] @ weights[i] + weights[i + 1], 0))
    return inputs, 1 / (1 + np.exp(-(inputs[-1] @ weights[-2] + weights[-1])))


def cross_entropy(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).ravel()
