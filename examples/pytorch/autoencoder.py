"""An autoencoder: digits of 64 pixels through a bottleneck of eight numbers, and back.

The twin of examples/autoencoder.py in PyTorch.
"""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

N_CODES = 8


def main(n_epochs=60, device="cpu", seed=0):
    """Train, print the scores, and return the share of the variance that survives."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=9)

    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, N_CODES))
    decoder = nn.Sequential(nn.Linear(N_CODES, 128), nn.ReLU(), nn.Linear(128, 64))
    model = nn.Sequential(encoder, decoder).to(device)
    x_train = torch.tensor(X_train, dtype=torch.float32, device=device)
    x_test = torch.tensor(X_test, dtype=torch.float32, device=device)
    train_dl = DataLoader(TensorDataset(x_train), batch_size=32, shuffle=True)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(n_epochs):
        total = 0.0
        for (x,) in train_dl:
            loss = criterion(model(x), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        with torch.no_grad():
            test_loss = criterion(model(x_test), x_test).item()
        if (epoch + 1) % 10 == 0:
            print(f"{epoch=:3} | loss={total / len(x_train):6.3f} | val_loss={test_loss:6.3f}")

    kept = 1 - test_loss / X_test.var(axis=0).mean()
    with torch.no_grad():
        codes_train, codes_test = (encoder(x).cpu().numpy() for x in (x_train, x_test))
    neighbour = KNeighborsClassifier(1).fit(codes_train, y_train).score(codes_test, y_test)
    pca = PCA(N_CODES).fit(X_train)
    X_pca = pca.inverse_transform(pca.transform(X_test))
    linear = 1 - ((X_pca - X_test) ** 2).mean() / X_test.var(axis=0).mean()
    print(f"variance kept by {N_CODES} numbers: {kept:.3f}; PCA: {linear:.3f}")
    print(f"nearest neighbour by {N_CODES} numbers: {neighbour:.3f}")
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    main(device=parser.parse_args().device)
