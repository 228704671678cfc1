"""A GAN: a network that draws points like those of a data set, against one that tells them apart.

    python examples/gan.py --backend cupy

The data are eight round clusters on a circle; a generator that fails draws some of them only. Each
batch is two steps. The discriminator learns to tell points of the data from drawn ones. Then the
generator moves so that its points are taken for data: the gradient that the discriminator's
backward pass returns for its input is the one that the generator's starts from. The score is the
share of 4,000 drawn points that lie in a cluster, each cluster counted up to its eighth.
"""

import argparse

import numpy as np

import portanet
from portanet import Adam, BCEWithLogits, DataLoader, Dataset, LeakyReLU, Linear, ReLU, Sequential

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


def main(n_epochs=60, backend="numpy", seed=0, n=10_000, size=64):
    """Train both networks, print the scores of the generator, and return the last one."""
    portanet.seed(seed)
    rng = np.random.default_rng(seed)
    layers = [Linear(2, size), ReLU(), Linear(size, size), ReLU(), Linear(size, 2)]
    generator = Sequential(layers).to(backend)
    layers = [Linear(2, size), LeakyReLU(), Linear(size, size), LeakyReLU(), Linear(size, 1)]
    discriminator = Sequential(layers, BCEWithLogits()).to(backend)
    g_optimizer = Adam(generator, lr=2e-3, beta1=0.5)
    d_step = portanet.compile_step(discriminator, Adam(discriminator, lr=2e-3, beta1=0.5))
    xp, asarray = generator.backend.xp, generator.backend.asarray
    train_dl = DataLoader(Dataset(points(n, rng), np.ones(n)), 128, shuffle=True, drop_last=True)

    for epoch in range(n_epochs):
        for x, ones in train_dl.to(discriminator):
            noise = asarray(rng.normal(size=x.shape), "float32")
            drawn = generator.forward(noise, training=True)
            d_loss = d_step(xp.concat([x, drawn]), xp.concat([ones, 0 * ones]))

            y_hat = discriminator.forward(drawn, training=True)
            g_loss = discriminator.criterion.forward(y_hat, ones, training=True)
            generator.backward(discriminator.backward())
            g_optimizer.step()
        if (epoch + 1) % 10 == 0:
            noise = asarray(rng.normal(size=(4000, 2)), "float32")
            found = score(generator.backend.to_numpy(generator.forward(noise)))
            losses = f"d_loss={float(xp.mean(d_loss)):6.3f} | g_loss={float(xp.mean(g_loss)):6.3f}"
            print(f"{epoch=:3} | {losses} | score={found:6.3f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
