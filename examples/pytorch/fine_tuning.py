"""Fine-tuning: a network that knows the digits learns from 60 images which of them have a loop.

The twin of examples/fine_tuning.py in PyTorch.
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def body():
    """Return layers from 64 pixels to 32 features."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding="same"), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same"), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 32), nn.ReLU(),
    )  # fmt: skip


class Network(nn.Module):
    """A body, which may be frozen, and a linear layer."""

    def __init__(self, body, n_classes, frozen=False):
        super().__init__()
        self.body, self.head, self.frozen = body, nn.Linear(32, n_classes), frozen
        self.body.requires_grad_(not frozen)

    def train(self, mode=True):
        super().train(mode)
        if self.frozen:
            self.body.eval()  # its batch norms keep their running statistics
        return self

    def forward(self, x):
        return self.head(self.body(x))


def evaluate(model, dl, criterion, device):
    """Return the mean loss, and the accuracy."""
    model.eval()
    loss, right = 0.0, 0
    with torch.no_grad():
        for x, y in dl:
            x, y = x.to(device), y.to(device)
            scores = model(x)
            loss += criterion(scores, y).item() * len(y)
            right += (scores.argmax(dim=1) == y).sum().item()
    return loss / len(dl.dataset), right / len(dl.dataset)


def train(name, model, data, n_epochs, device):
    """Train a network, print how it does on the test set, and return its accuracy."""
    X_train, X_test, y_train, y_test = (torch.tensor(array) for array in data)
    model.to(device)
    train_dl = DataLoader(TensorDataset(X_train.float(), y_train), batch_size=32, shuffle=True)
    test_dl = DataLoader(TensorDataset(X_test.float(), y_test), batch_size=360)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=3e-3)
    for _ in range(n_epochs):
        model.train()
        for x, y in train_dl:
            loss = criterion(model(x.to(device)), y.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    test_loss, score = evaluate(model, test_dl, criterion, device)
    print(f"{name:6} | val_loss={test_loss:6.3f} | val_metric={score:6.3f}")
    return score


def main(n_epochs=8, device="cpu", seed=0):
    """Train, print the scores, and return that of the fine-tuned network."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=9)
    loop_train, loop_test = (np.isin(y, (0, 6, 8, 9)).astype(int) for y in (y_train, y_test))
    digits = X_train, X_test, y_train, y_test
    loops = X_train[:60], X_test, loop_train[:60], loop_test

    torch.manual_seed(seed)
    model = Network(body(), 10)
    train("digits", model, digits, n_epochs, device)
    tuned = Network(model.body, 2, frozen=True)
    return train("loops", tuned, loops, 20 * n_epochs, device)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    main(device=parser.parse_args().device)
