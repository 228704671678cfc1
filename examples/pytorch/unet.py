"""A U-Net: which pixels of a noisy image belong to a disc, and which to a square?

The twin of examples/unet.py in PyTorch.
"""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SIZE = 32


def images(n, seed):
    """Return n images (N, 1, 32, 32), and the class of each pixel: 0, 1 (disc) or 2 (square)."""
    rng, (i, j) = np.random.default_rng(seed), np.mgrid[:SIZE, :SIZE]
    centers, radii = rng.uniform(8, SIZE - 8, (n, 4, 1, 1)), rng.uniform(4, 8, (n, 2, 1, 1))
    disc = (i - centers[:, 0]) ** 2 + (j - centers[:, 1]) ** 2 <= radii[:, 0] ** 2
    square = np.maximum(abs(i - centers[:, 2]), abs(j - centers[:, 3])) <= radii[:, 1]
    classes = np.where(square, 2, np.where(disc, 1, 0))
    x = (classes > 0) + rng.normal(0, 1, classes.shape)  # both shapes are equally bright
    x = torch.tensor(x[:, None], dtype=torch.float32)
    return TensorDataset(x, torch.tensor(classes))


def block(n_inp, n_out):
    """Return two convolutions that keep the size."""
    layers = []
    for n in (n_inp, n_out):
        layers += [nn.Conv2d(n, n_out, 3, padding="same"), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """The U-Net, with n channels at full size."""

    def __init__(self, n):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.down1, self.down2, self.bottom = block(1, n), block(n, 2 * n), block(2 * n, 4 * n)
        self.double2 = nn.ConvTranspose2d(4 * n, 2 * n, 2, stride=2)
        self.up2 = block(4 * n, 2 * n)
        self.double1 = nn.ConvTranspose2d(2 * n, n, 2, stride=2)
        self.up1 = block(2 * n, n)
        self.head = nn.Conv2d(n, 3, 1)

    def forward(self, x):
        whole = self.down1(x)
        half = self.down2(self.pool(whole))
        quarter = self.bottom(self.pool(half))
        half = self.up2(torch.cat([self.double2(quarter), half], dim=1))
        whole = self.up1(torch.cat([self.double1(half), whole], dim=1))
        return self.head(whole)


def evaluate(model, dl, criterion, device):
    """Return the loss, and the share of pixels of discs and squares that are classified right."""
    model.eval()
    loss, right, n = 0.0, 0, 0
    with torch.no_grad():
        for x, y in dl:
            x, y = x.to(device), y.to(device)
            scores, shape = model(x), y > 0
            loss += criterion(scores, y).item() * len(x)
            right += (shape & (scores.argmax(dim=1) == y)).sum().item()
            n += shape.sum().item()
    return loss / len(dl.dataset), right / n


def main(n_epochs=8, device="cpu", seed=0, n_train=1000, n_channels=8):
    """Train, and return the score on images that the network has not seen."""
    torch.manual_seed(seed)
    train, test = images(n_train, seed), images(200, seed + 1)
    train_dl, test_dl = DataLoader(train, batch_size=20, shuffle=True), DataLoader(test, 50)
    model = UNet(n_channels).to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(n_epochs):
        model.train()
        total = 0.0
        for x, y in train_dl:
            x, y = x.to(device), y.to(device)
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        test_loss, score = evaluate(model, test_dl, criterion, device)
        means = f"loss={total / len(train):6.3f} | val_loss={test_loss:6.3f}"
        print(f"{epoch=:3} | {means} | val_metric={score:6.3f}")
    return score


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    main(options.epochs, options.device)
