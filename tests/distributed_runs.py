"""Runs of 50 steps that must come out alike on any number of ranks; see test_distributed.py.

    mpiexec -n 2 python tests/distributed_runs.py FILE WAY NAME …

trains the named runs one after the other, and rank 0 writes what they end with into FILE (npz).
WAY is "readable", "compiled" or "llvm"; "cupy-readable" and "cupy-compiled" run on GPUs.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

import portanet
from portanet import (
    MSE,
    SGD,
    Adam,
    BatchNorm1d,
    BCEWithLogits,
    CrossEntropy,
    DataLoader,
    Dataset,
    Dropout,
    Graph,
    Input,
    Layer,
    Linear,
    Losses,
    ReLU,
    Sequential,
    Stream,
    Tanh,
    Trainer,
    accuracy,
    backend_of,
)
from portanet.callbacks import Callback
from portanet.distributed import local_rank
from portanet.schedules import Cosine

N_STEPS = 50
N_RANKS = 4  # the most that runs are made for: GhostBatchNorm


def data(n=203):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 5))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int), rng.uniform(0.2, 2.0, size=n)


class GhostBatchNorm(Layer):
    """What per-rank batch normalization is, on one rank: each part of a batch by itself."""

    def __init__(self, channels, n_parts):
        self.norms, self.n_parts = [BatchNorm1d(channels) for _ in range(n_parts)], n_parts
        for norm in self.norms[1:]:
            norm.weights, norm.bias = None, None

    def forward(self, x, *, training=False):
        first = self.norms[0]
        if not training:
            return first.forward(x)
        parts = np.array_split(x, self.n_parts)
        self._saved = [p.shape[0] for p in parts]
        g, b = first.weights.value, first.bias.value
        plain = [norm.forward(p, training=True) for norm, p in zip(self.norms, parts, strict=True)]
        self._normal = np.concatenate([(plain[0] - b) / g, *plain[1:]])
        return self._normal * g + b

    def backward(self, grad):
        first, parts = self.norms[0], np.split(grad, np.cumsum(self._take_saved())[:-1])
        g = first.weights.value
        along, total = (grad * self._normal).sum(0), grad.sum(0)
        found = [first.backward(parts[0])]
        found += [n.backward(g * p) for n, p in zip(self.norms[1:], parts[1:], strict=True)]
        first.weights.grad, first.bias.grad = along, total
        return np.concatenate(found)


def network(*middle, n_out=2):
    return Sequential([Linear(5, 12), Tanh(), *middle, Linear(12, n_out)], CrossEntropy())


def plain(ranks):
    X, y, _ = data()
    model = network(ReLU())
    return model, Adam(model, lr=0.01), Dataset(X, y), {}


def dropout(ranks):
    X, y, _ = data()
    model = network(Dropout(0.4), Linear(12, 12), Dropout(0.2))
    return model, SGD(model, lr=0.1, momentum=0.9), Dataset(X, y), {}


def joined_batch_norm(ranks):
    X, y, _ = data()
    model = network(BatchNorm1d(12, sync=True))
    return model, SGD(model, lr=0.1, momentum=0.9), Dataset(X, y), {}


def batch_norm_of_each_rank(ranks):
    X, y, _ = data()
    norm = BatchNorm1d(12) if ranks is None else GhostBatchNorm(12, ranks)
    model = network(norm)
    return model, SGD(model, lr=0.1, momentum=0.9), Dataset(X, y), {}


def weights(ranks):
    X, y, w = data()
    model = network()
    return model, Adam(model, lr=0.01), Dataset(X, y, sample_weight=w), {}


def ignored(ranks):
    X, y, w = data()
    y[::3] = 7
    model = Sequential(
        [Linear(5, 12), Tanh(), Linear(12, 2)],
        CrossEntropy(ignore_index=7, class_weights=[1.0, 3.0]),
    )
    return model, Adam(model, lr=0.01), Dataset(X, y, sample_weight=w), {"metric": None}


def several(ranks):
    X, y, w = data()
    x = Input()
    body = Tanh()(Linear(5, 8)(x))
    losses = Losses({"a": BCEWithLogits(positive_weight=2.0), "b": MSE()}, weights={"a": 2.0})
    model = Sequential([Graph(x, {"a": Linear(8, 1)(body), "b": Linear(8, 1)(body)})], losses)
    targets = {"a": y, "b": X[:, 2] ** 2}
    return model, Adam(model, lr=0.01), Dataset(X, targets, sample_weight=w), {"metric": None}


def options(ranks):
    X, y, _ = data()
    model = network(Dropout(0.2))
    optimizer = Adam(model, lr=Cosine(0.02, 40), clip_norm=0.05, accumulate=3)
    return model, optimizer, Dataset(X, y), {"ema": 0.9}


def augmented(ranks):
    X, y, _ = data()
    model = network()

    def noisy(x, rng):
        return x + 0.1 * rng.normal(size=x.shape)

    return model, Adam(model, lr=0.01), Dataset(X, y, transform=noisy), {}


def fewer_rows_than_ranks(ranks):
    X, y, w = data(193)  # the last batch has one row
    model = network(Dropout(0.1))
    return model, Adam(model, lr=0.01), Dataset(X, y, sample_weight=w), {}


def stream(ranks):
    X, y, _ = data()
    model = network()
    loader = Stream(lambda: zip(X, y, strict=True), 32, shuffle_buffer=20, seed=1)
    return model, Adam(model, lr=0.01), loader, {"val": Dataset(X, y)}


RUNS = {
    run.__name__: run
    for run in (
        plain, dropout, joined_batch_norm, batch_norm_of_each_rank, weights, ignored, several,
        options, augmented, fewer_rows_than_ranks, stream,
    )
}  # fmt: skip
WAYS = {
    "readable": {"compile": False},
    "compiled": {"fast": False},
    "llvm": {"fast": True},
    "cupy-readable": {"compile": False},
    "cupy-compiled": {},
}


class Counts(Callback):
    """A callback of each step: then steps are taken, and counted, one by one."""

    def __init__(self):
        self.n = 0

    def on_step_end(self, trainer):
        self.n += 1


def train(name, way, *, ranks=None, dtype="float64", distributed=True, n_steps=N_STEPS):
    """Return what a run ends with: values, slots, the average, history. `ranks`: see ghosts."""
    portanet.seed(5)
    model, optimizer, ds, options = RUNS[name](ranks)
    model.to("cupy" if way.startswith("cupy") else "numpy", dtype=dtype)
    loader = ds if isinstance(ds, Stream) else DataLoader(ds, 32, shuffle=True)
    ds = options.pop("val", ds)
    options = {"metric": accuracy, "callbacks": [Counts()]} | options | WAYS[way]
    trainer = Trainer(
        model, optimizer, loader, DataLoader(Dataset(ds.X, ds.y), 64), distributed=distributed,
        **options,
    )  # fmt: skip
    trainer.train(log_level=0, n_steps=n_steps)
    return trainer


def distance(a, b):
    """The largest difference, as a part of the largest number."""
    return np.max(np.abs(a - b), initial=0) / max(np.max(np.abs(a), initial=0), 1e-300)


def results(trainer):
    found = {n: p.value for n, p in trainer.model.named_parameters().items()}
    found |= {n: b.value for n, b in trainer.model.named_buffers().items()}
    found |= trainer.optimizer.state().arrays
    if trainer._average is not None:
        found |= {f"ema:{name}": a for name, a in trainer._average.state().arrays.items()}
    for key in trainer.history[0]:
        found[f"history:{key}"] = np.array([row[key] for row in trainer.history])
    found["sums"] = np.array(trainer.steps.loss_sums())
    return {name: backend_of(array).to_numpy(array).copy() for name, array in found.items()}


def main():
    path, way, *names = sys.argv[1:]
    if way.startswith("cupy"):
        import cupy

        cupy.cuda.Device(local_rank()).use()
    warnings.simplefilter("error")
    everything = {}
    for name in names or RUNS:
        trainer = train(name, way)
        for key, array in results(trainer).items():
            everything[f"{name}/{key}"] = array
        reduction = trainer._together.ranks.reduction
        everything[f"{name}/:calls"] = np.array([reduction.n_calls, reduction.n_bytes])
        everything[f"{name}/:refused"] = np.array(
            str(trainer.compiled and trainer.compiled.refused)
        )
        if name == "batch_norm_of_each_rank":
            trainer._together.share_buffers(trainer)
    if trainer.is_first:
        np.savez(Path(path), **everything)


if __name__ == "__main__":
    main()
