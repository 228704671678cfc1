"""What long training leaves behind: the resident set and Python's own count, early and late.

Each road trains in a process of its own: in epochs, with validation, shuffling and dropout, for
`count` steps, of which a fifth warms up. A history grows by design, a dict for each epoch, and is
cleared. Then loaders that are new, with data of 200 KiB each, are evaluated, six times 20.
"""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np

from benchmarks.robustness.run import made
from portanet import DataLoader, Dataset

MOST = 2**20  # bytes
ROADS = {
    "numpy, readable": {"compile": False},
    "numpy, compiled": {"fast": False},
    "numpy, compiled by LLVM": {"fast": True},
    "torch": {"backend": "torch"},
    "jax, compiled": {"backend": "jax"},
}
FEWER = {"jax, compiled": 50, "torch": 25}  # times; a step takes longer there


def tried(place, count=50_000):
    """Yield what came out, in words."""
    for name in ROADS:
        n_steps = count // FEWER.get(name, 1)
        found = json.loads(answer(name, n_steps))
        if "missing" in found:
            yield f"{name}: {found['missing']}"
            continue
        texts = [f"{what} {n / 1024:+.0f} KiB" for what, n in found.items()]
        yield f"{name}, {n_steps} steps: {', '.join(texts)}"
        assert max(found.values()) < MOST, name


def answer(name, n_steps):
    """Return what a new process says of a road."""
    command = [sys.executable, "-m", "benchmarks.robustness.memory", name, str(n_steps)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=True, stdout=-1, text=True)
    return done.stdout.splitlines()[-1]


def resident():
    """Return the resident set, in bytes."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def grown(work, warm_up=None):
    """Return by how much the resident set and Python's memory grow while work is done twice.

    The first time counts Python's memory, which takes memory itself; the second the resident set.
    """
    (warm_up or work)()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    work()
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    before = resident()
    work()
    return resident() - before, traced


def measured(name, n_steps):
    """Return how much memory training and evaluations leave behind, in bytes."""
    trainer = made(**ROADS[name])

    def train(n):
        for _ in range(10):
            trainer.train(n_steps=n // 10, log_level=0)
            trainer.history.clear()

    def evaluate():
        for seed in range(20):
            rng = np.random.default_rng(seed)
            X = rng.standard_normal((10_400, 5)).astype(np.float32)
            trainer.evaluate(DataLoader(Dataset(X, X[:, 0] > 0), 1000))

    rss, traced = grown(lambda: train(2 * n_steps // 5), lambda: train(n_steps // 5))
    found = {"training: resident": rss, "traced": traced}
    # by the least of three times: where an allocator puts arrays, it goes up and down
    rounds = [(evaluate(), resident())[1] for _ in range(6)]
    return found | {"evaluations: resident": min(rounds[3:]) - min(rounds[:3])}


def main(name, n_steps):
    """Print what was measured, or what is missing, as JSON."""
    from portanet.backends import available
    from portanet.backends._llvm import machine

    backend = ROADS[name].get("backend", "numpy")
    if backend not in available() or (name.endswith("LLVM") and not machine.available()):
        return {"missing": "not installed"}
    return measured(name, n_steps)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
