"""A small GPT with tied embeddings: it learns English, letter by letter, and writes some.

The twin of examples/gpt.py in PyTorch; positions are learned vectors, which are added.
"""

import argparse
from math import cos, pi

import numpy as np
import torch
from sklearn import datasets
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

LENGTH = 64  # characters that a guess may depend on


def text():
    """Return the descriptions, with runs of white space made one space."""
    names = ("iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud")
    return " ".join(" ".join(getattr(datasets, f"load_{n}")()["DESCR"].split()) for n in names)


def windows(tokens, step):
    """Return windows of characters, and for each of these the character after it."""
    starts = torch.arange(0, len(tokens) - LENGTH, step)
    x = tokens[starts[:, None] + torch.arange(LENGTH)]
    return TensorDataset(x, tokens[starts[:, None] + torch.arange(1, LENGTH + 1)])


class GPT(nn.Module):
    """Characters to vectors, blocks that look back, vectors to scores."""

    def __init__(self, n_tokens, d, n_blocks):
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, d)
        self.positions = nn.Embedding(LENGTH, d)
        nn.init.normal_(self.embedding.weight, std=0.1)  # scores start small
        nn.init.normal_(self.positions.weight, std=0.1)
        block = nn.TransformerEncoderLayer(
            d, 4, 4 * d, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            block, n_blocks, nn.LayerNorm(d), enable_nested_tensor=False
        )
        self.head = nn.Linear(d, n_tokens, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        length = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=x.device)
        h = self.embedding(x) + self.positions(torch.arange(length, device=x.device))
        return self.head(self.blocks(h, mask=mask, is_causal=True))


def evaluate(model, dl, device):
    """Return the mean loss, and the share of the characters that are guessed right."""
    model.eval()
    loss, right, n = 0.0, 0, 0
    with torch.no_grad():
        for x, y in dl:
            x, y = x.to(device), y.to(device)
            scores = model(x)
            loss += F.cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="sum").item()
            right += (scores.argmax(dim=-1) == y).sum().item()
            n += y.numel()
    return loss / n, right / n


def main(n_epochs=12, device="cpu", seed=0, d=64, n_blocks=2):
    """Train, print what the network writes, and return its score on the held-out text."""
    torch.manual_seed(seed)
    characters, tokens = np.unique(list(text()), return_inverse=True)
    tokens, held_out = torch.tensor(tokens), len(tokens) // 10
    train = DataLoader(windows(tokens[:-held_out], 8), batch_size=32, shuffle=True)
    test = DataLoader(windows(tokens[-held_out:], LENGTH), batch_size=32)
    model = GPT(len(characters), d, n_blocks).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    n_steps = n_epochs * len(train)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(20 * step / n_steps, 1) * (1 + cos(pi * step / n_steps)) / 2,
    )
    for epoch in range(n_epochs):
        model.train()
        total = 0.0
        for x, y in train:
            x, y = x.to(device), y.to(device)
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        test_loss, score = evaluate(model, test, device)
        means = f"loss={total / len(train):6.3f} | val_loss={test_loss:6.3f}"
        print(f"{epoch=:3} | {means} | val_metric={score:6.3f}")
    print("The data ->", written(model, characters, "The data ", 200))
    return score


@torch.no_grad()
def written(model, characters, start, n):
    """Return what the network writes after some characters: each is drawn by its probability."""
    model.eval()
    device = model.head.weight.device
    found = torch.tensor(np.searchsorted(characters, list(start)), device=device)
    for _ in range(n):
        scores = model(found[None, -LENGTH:])[0, -1]
        found = torch.cat([found, torch.multinomial(F.softmax(scores, dim=0), 1)])
    return "".join(characters[found.cpu()])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    main(options.epochs, options.device)
