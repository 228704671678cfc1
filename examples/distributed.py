"""Several processes train one network, each with a part of every batch.

    python examples/distributed.py                    alone
    mpiexec -n 2 python examples/distributed.py       two ranks: the same numbers

The second needs mpi4py and an MPI library (docs/distributed.md). Both print the same rows.
"""

import argparse

import numpy as np

import portanet
from portanet import (
    Adam,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
)
from portanet.distributed import local_rank


def spirals(n, rng):
    """Three arms of a spiral: points in the plane, and which arm each belongs to."""
    arm, radius = rng.integers(3, size=n), rng.uniform(0.1, 1, size=n)
    angle = 4 * radius + arm * 2 * np.pi / 3 + 0.1 * rng.normal(size=n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), arm


def main(backend="numpy", n_epochs=10):
    if backend == "cupy":  # each rank takes a GPU of its own
        import cupy

        cupy.cuda.Device(local_rank()).use()
    portanet.seed(0)
    rng = np.random.default_rng(0)
    train, val = Dataset(*spirals(3000, rng)), Dataset(*spirals(1000, rng))

    layers = [Linear(2, 64), ReLU(), Dropout(0.1), Linear(64, 64), ReLU(), Linear(64, 3)]
    model = Sequential(layers, CrossEntropy()).to(backend)
    train_dl = DataLoader(train, batch_size=64, shuffle=True)
    trainer = Trainer(
        model, Adam(model, lr=0.005), train_dl, DataLoader(val, batch_size=500), accuracy,
        distributed=True,
    )  # fmt: skip
    trainer.train(n_epochs)
    accuracy_at_last = trainer.history[-1]["val_metric"]
    if trainer.is_first:  # rank 0 prints and writes files
        print(f"accuracy {accuracy_at_last:.3f}")
    return accuracy_at_last


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    main(backend=parser.parse_args().backend)
