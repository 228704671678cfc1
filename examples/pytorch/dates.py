"""Sequence to sequence with attention: dates as people write them become dates as computers do.

The twin of examples/dates.py in PyTorch.
"""

import argparse
from datetime import date

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

FORMATS = ("%A, %B %d, %Y", "%d %B %Y", "%b %d %Y", "%d.%m.%Y", "%m/%d/%Y", "%a %d %b %Y")
READ = "\0 ,./0123456789ADFJMNOSTWabcdefghilmnoprstuvy"  # first the padding
WRITTEN = ">-0123456789"  # first what stands before the first character
FIRST, LAST = date(1900, 1, 1).toordinal(), date(2099, 12, 31).toordinal()


def numbers(texts, characters):
    """Return texts as numbers of their characters (N, L), padded with 0."""
    length = max(map(len, texts))
    return torch.tensor([[characters.index(c) for c in text.ljust(length, "\0")] for text in texts])


def dates(n, seed):
    """Return n dates as people write them (N, L), and as computers do (N, 10)."""
    rng = np.random.default_rng(seed)
    days = [date.fromordinal(day) for day in rng.integers(FIRST, LAST, n)]
    read = [day.strftime(str(rng.choice(FORMATS))) for day in days]
    return numbers(read, READ), numbers([str(day) for day in days], WRITTEN)


class Network(nn.Module):
    """One GRU reads, one writes and attends to what the first has read."""

    def __init__(self, d):
        super().__init__()
        self.read_embedding = nn.Embedding(len(READ), 16)
        self.written_embedding = nn.Embedding(len(WRITTEN), 16)
        self.encoder = nn.GRU(16, d // 2, bidirectional=True, batch_first=True)
        self.decoder = nn.GRU(16, d, batch_first=True)
        self.attention = nn.MultiheadAttention(d, 1, batch_first=True)
        self.head = nn.Linear(2 * d, len(WRITTEN))

    def forward(self, read, written):
        memory, _ = self.encoder(self.read_embedding(read))
        h, _ = self.decoder(self.written_embedding(written))
        seen, _ = self.attention(h, memory, memory, key_padding_mask=read == 0, need_weights=False)
        return self.head(torch.cat([h, seen], dim=-1))


def loss_of(model, read, target):
    """Return the loss and the scores where before each character stand the right ones."""
    scores = model(read, F.pad(target, (1, 0))[:, :-1])
    return F.cross_entropy(scores.flatten(0, 1), target.flatten()), scores


def evaluate(model, dl, device):
    """Return the mean loss, and the share of the characters that are right."""
    model.eval()
    loss, right, n = 0.0, 0, 0
    with torch.no_grad():
        for read, target in dl:
            read, target = read.to(device), target.to(device)
            batch_loss, scores = loss_of(model, read, target)
            loss += batch_loss.item() * target.numel()
            right += (scores.argmax(dim=-1) == target).sum().item()
            n += target.numel()
    return loss / n, right / n


@torch.no_grad()
def translated(model, read):
    """Return the dates (N, 10) that the network writes, each time the most probable character."""
    model.eval()
    written = torch.zeros(len(read), 1, dtype=torch.int64, device=read.device)
    for _ in range(10):
        scores = model(read, written)
        written = torch.cat([written, scores[:, -1:].argmax(dim=-1)], dim=1)
    return written[:, 1:]


def main(n_epochs=4, device="cpu", seed=0, n_train=4000, d=64):
    """Train, print some dates, and return the share of unseen ones written without a mistake."""
    torch.manual_seed(seed)
    model = Network(d).to(device)
    train_dl = DataLoader(TensorDataset(*dates(n_train, seed)), batch_size=32, shuffle=True)
    test_dl = DataLoader(TensorDataset(*dates(500, seed + 1)), batch_size=100)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for epoch in range(n_epochs):
        model.train()
        total = 0.0
        for read, target in train_dl:
            read, target = read.to(device), target.to(device)
            loss, _ = loss_of(model, read, target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(read)
        test_loss, accuracy = evaluate(model, test_dl, device)
        means = f"loss={total / n_train:6.3f} | val_loss={test_loss:6.3f}"
        print(f"{epoch=:3} | {means} | val_metric={accuracy:6.3f}")

    read, target = dates(500, seed + 1)
    found = translated(model, read.to(device)).cpu()
    for line, answer in zip(read[:5], found, strict=False):
        print(f"{''.join(READ[i] for i in line if i):30} {''.join(WRITTEN[i] for i in answer)}")
    return (found == target).all(dim=1).float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    main(device=parser.parse_args().device)
