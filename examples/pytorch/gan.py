"""A GAN: a network that draws points like those of a data set, against one that tells them apart.

The twin of examples/gan.py in PyTorch.
"""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ANGLES = np.arange(8) * np.pi / 4
CENTERS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
SPREAD = 0.05  # of a cluster, in each direction


def points(n, rng):
    """Return n points of the eight clusters, (N, 2)."""
    return CENTERS[rng.integers(0, 8, n)] + rng.normal(0, SPREAD, (n, 2))


def score(drawn):
    """Return the share of points within three spreads of a center, an eighth at most for each."""
    near = np.linalg.norm(drawn[:, None] - CENTERS, axis=2) < 3 * SPREAD
    return float(np.minimum(near.mean(axis=0), 1 / 8).sum())


def main(n_epochs=60, device="cpu", seed=0, n=10_000, size=64):
    """Train both networks, print the scores of the generator, and return the last one."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator = nn.Sequential(
        nn.Linear(2, size), nn.ReLU(), nn.Linear(size, size), nn.ReLU(), nn.Linear(size, 2)
    ).to(device)
    discriminator = nn.Sequential(
        nn.Linear(2, size),
        nn.LeakyReLU(),
        nn.Linear(size, size),
        nn.LeakyReLU(),
        nn.Linear(size, 1),
    ).to(device)
    criterion = nn.BCEWithLogitsLoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    data = TensorDataset(torch.tensor(points(n, rng), dtype=torch.float32))
    train_dl = DataLoader(data, 128, shuffle=True, drop_last=True)

    for epoch in range(n_epochs):
        for (x,) in train_dl:
            x = x.to(device)
            drawn = generator(torch.randn_like(x))
            ones = torch.ones(len(x), 1, device=device)
            y_hat = discriminator(torch.cat([x, drawn.detach()]))
            d_loss = criterion(y_hat, torch.cat([ones, 0 * ones]))
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()

            g_loss = criterion(discriminator(drawn), ones)
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
        if (epoch + 1) % 10 == 0:
            with torch.no_grad():
                found = score(generator(torch.randn(4000, 2, device=device)).cpu().numpy())
            losses = f"d_loss={d_loss.item():6.3f} | g_loss={g_loss.item():6.3f}"
            print(f"{epoch=:3} | {losses} | score={found:6.3f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    main(device=parser.parse_args().device)
