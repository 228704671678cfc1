"""A siamese network: do two images show the same digit?

The twin of examples/siamese.py in PyTorch.
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def pairs(X, y, n, seed):
    """Return n pairs of images (N, 64), and whether they show the same digit: half of them do."""
    i, j = np.random.default_rng(seed).integers(0, len(X), (2, 10 * n))
    same = y[i] == y[j]
    chosen = np.concatenate([np.flatnonzero(same)[: n // 2], np.flatnonzero(~same)[: n // 2]])
    return X[i[chosen]], X[j[chosen]], same[chosen]


def data_set(X, y, n, seed):
    """Return n pairs as a data set with two inputs."""
    return TensorDataset(*(torch.tensor(a, dtype=torch.float32) for a in pairs(X, y, n, seed)))


class Siamese(nn.Module):
    """One body for both images, a product, a linear layer."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))
        self.head = nn.Linear(64, 1)

    def forward(self, left, right):
        return self.head(self.body(left) * self.body(right))[:, 0]


def evaluate(model, dl, criterion, device):
    """Return the mean loss, and the accuracy."""
    model.eval()
    loss, right = 0.0, 0
    with torch.no_grad():
        for a, b, y in dl:
            a, b, y = a.to(device), b.to(device), y.to(device)
            logits = model(a, b)
            loss += criterion(logits, y).item() * len(y)
            right += ((logits > 0) == y).sum().item()
    return loss / len(dl.dataset), right / len(dl.dataset)


def main(n_epochs=15, device="cpu", seed=0, n_train=8000):
    """Train, and return the accuracy on pairs of unseen images."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=9)

    torch.manual_seed(seed)
    model = Siamese().to(device)
    train_dl = DataLoader(data_set(X_train, y_train, n_train, seed), batch_size=64, shuffle=True)
    test_dl = DataLoader(data_set(X_test, y_test, 2000, seed), batch_size=500)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(n_epochs):
        model.train()
        total = 0.0
        for a, b, y in train_dl:
            a, b, y = a.to(device), b.to(device), y.to(device)
            loss = criterion(model(a, b), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        test_loss, score = evaluate(model, test_dl, criterion, device)
        if (epoch + 1) % 3 == 0:
            means = f"loss={total / n_train:6.3f} | val_loss={test_loss:6.3f}"
            print(f"{epoch=:3} | {means} | val_metric={score:6.3f}")
    return score


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    main(device=parser.parse_args().device)
