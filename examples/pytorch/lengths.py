"""Sequences of different lengths: how deep are the brackets of a text nested?

The twin of examples/lengths.py in PyTorch.
"""

import argparse

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, TensorDataset

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
    return TensorDataset(*map(torch.tensor, texts(n, seed)))


class Classifier(nn.Module):
    """An LSTM that stops at the end of each text, and a linear layer on its last state."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(3, 8)
        self.lstm = nn.LSTM(8, 32, batch_first=True)
        self.head = nn.Linear(32, N_CLASSES)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(
            self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h, _) = self.lstm(packed)
        return self.head(h[-1])


def evaluate(model, dl, criterion, device):
    """Return the mean loss, and the accuracy."""
    model.eval()
    loss, right = 0.0, 0
    with torch.no_grad():
        for tokens, lengths, y in dl:
            tokens, y = tokens.to(device), y.to(device)
            scores = model(tokens, lengths)
            loss += criterion(scores, y).item() * len(y)
            right += (scores.argmax(dim=1) == y).sum().item()
    return loss / len(dl.dataset), right / len(dl.dataset)


def main(n_epochs=9, device="cpu", seed=0, n_train=4000):
    """Train, and return the accuracy on texts that the network has not seen."""
    torch.manual_seed(seed)
    train_dl = DataLoader(data_set(n_train, seed), batch_size=32, shuffle=True)
    test_dl = DataLoader(data_set(1000, seed + 1), batch_size=250)
    model = Classifier().to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(n_epochs):
        model.train()
        total = 0.0
        for tokens, lengths, y in train_dl:
            tokens, y = tokens.to(device), y.to(device)
            loss = criterion(model(tokens, lengths), y)  # lengths stay on the host
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
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
