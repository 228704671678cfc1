"""Two inputs and two losses: from the mean and the spread of a tumour's cells to two answers.

The twin of examples/two_losses.py in PyTorch.
"""

import argparse

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WORST_AREA = 23  # its column


def data():
    """Return two data sets: two inputs (N, 10), and the targets area and benign."""
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=9)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    return data_set(X_train, y_train), data_set(X_test, y_test)


def data_set(X, y):
    """Return a data set with two inputs and two targets."""
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    return TensorDataset(X[:, :10], X[:, 10:20], X[:, WORST_AREA], y)


class Network(nn.Module):
    """Layers for each input, what they find side by side, two outputs."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.error = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.body = nn.Sequential(nn.Dropout(0.2), nn.Linear(64, 32), nn.ReLU())
        self.area, self.benign = nn.Linear(32, 1), nn.Linear(32, 1)

    def forward(self, mean, error):
        h = self.body(torch.cat([self.mean(mean), self.error(error)], dim=1))
        return self.area(h)[:, 0], self.benign(h)[:, 0]


class Loss(nn.Module):
    """The squared error of the area, and half the cross entropy of the diagnosis."""

    def __init__(self):
        super().__init__()
        self.mse, self.bce = nn.MSELoss(), nn.BCEWithLogitsLoss()

    def forward(self, outputs, area, benign):
        return self.mse(outputs[0], area) + 0.5 * self.bce(outputs[1], benign)


def evaluate(model, dl, criterion, device):
    """Return the mean loss, R² of the area, and the accuracy of the diagnosis."""
    model.eval()
    loss, right, areas, found = 0.0, 0, [], []
    with torch.no_grad():
        for batch in dl:
            mean, error, area, benign = (part.to(device) for part in batch)
            outputs = model(mean, error)
            loss += criterion(outputs, area, benign).item() * len(area)
            right += ((outputs[1] > 0) == benign).sum().item()
            areas.append(area.cpu())
            found.append(outputs[0].cpu())
    n = len(dl.dataset)
    return loss / n, r2_score(torch.cat(areas), torch.cat(found)), right / n


def main(n_epochs=40, device="cpu", seed=0):
    """Train, and return the mean of the two scores on the test set: R² and accuracy."""
    torch.manual_seed(seed)
    train, test = data()
    train_dl, test_dl = DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, 64)
    model, criterion = Network().to(device), Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(n_epochs):
        model.train()
        total = 0.0
        for batch in train_dl:
            mean, error, area, benign = (part.to(device) for part in batch)
            loss = criterion(model(mean, error), area, benign)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(area)
        test_loss, r2, accuracy = evaluate(model, test_dl, criterion, device)
        if (epoch + 1) % 10 == 0:
            means = f"loss={total / len(train):6.3f} | val_loss={test_loss:6.3f}"
            print(f"{epoch=:3} | {means} | area={r2:6.3f} | benign={accuracy:6.3f}")
    return (r2 + accuracy) / 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    main(device=parser.parse_args().device)
