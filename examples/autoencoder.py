"""An autoencoder: digits of 64 pixels through a bottleneck of eight numbers, and back.

    python examples/autoencoder.py --backend cupy

The network is trained to return its input (scikit-learn's digits, 8 x 8 pixels), so what it keeps
in eight numbers must say which digit it is. Printed are the share of the pixels' variance that
survives, beside that of the eight best linear numbers (PCA), and how many digits their nearest
neighbour classifies right, by their codes.
"""

import argparse

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

import portanet
from portanet import (
    MSE,
    Adam,
    DataLoader,
    Dataset,
    Linear,
    ReLU,
    Sequential,
    Trainer,
)

N_CODES = 8


def main(n_epochs=60, backend="numpy", seed=0):
    """Train, print the scores, and return the share of the variance that survives."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=9)

    portanet.seed(seed)
    encoder = [Linear(64, 128), ReLU(), Linear(128, N_CODES)]
    decoder = [Linear(N_CODES, 128), ReLU(), Linear(128, 64)]
    model = Sequential(encoder + decoder, MSE()).to(backend)
    train_dl = DataLoader(Dataset(X_train, X_train), batch_size=32, shuffle=True)
    test_dl = DataLoader(Dataset(X_test, X_test), batch_size=360)
    trainer = Trainer(model, Adam(model, lr=2e-3), train_dl, test_dl)
    trainer.train(n_epochs, log_level=10)

    kept = 1 - trainer.history[-1]["val_loss"] / X_test.var(axis=0).mean()
    to_numpy = model.backend.to_numpy
    codes_train, codes_test = (to_numpy(model[:3].predict(X)) for X in (X_train, X_test))
    neighbour = KNeighborsClassifier(1).fit(codes_train, y_train).score(codes_test, y_test)
    pca = PCA(N_CODES).fit(X_train)
    X_pca = pca.inverse_transform(pca.transform(X_test))
    linear = 1 - ((X_pca - X_test) ** 2).mean() / X_test.var(axis=0).mean()
    print(f"variance kept by {N_CODES} numbers: {kept:.3f}; PCA: {linear:.3f}")
    print(f"nearest neighbour by {N_CODES} numbers: {neighbour:.3f}")
    return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
