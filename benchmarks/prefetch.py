"""How much of a transform's time prefetch hides, where it takes as long as a step.

    python -m benchmarks.prefetch [--rounds 9] [--milliseconds 10] [--kind sleep|numpy] [--processes]

A step and the transform of its batch take equally long. Without prefetch (workers=0) an epoch takes the
steps and the transforms, with it the longer of both: hidden is (without - with) / transforms, where
`transforms` is the time of making the batches alone. All three are timed in each round, in turn;
the median of the rounds' ratios is printed.

`sleep` waits without the interpreter's lock and without a core: what prefetch is itself. `numpy`
works: sin of a large array, in the step as well, on cores that must be free.
"""

import argparse
import statistics
import time

import numpy as np

from portanet import MSE, SGD, DataLoader, Dataset, Linear, Sequential, Trainer

N_BATCHES, BATCH = 40, 8
NUMBERS = np.ones(36_000)  # of which one sin takes some 0.3 ms


class Takes:
    """A transform, and what a step does besides: it takes some milliseconds."""

    batchwise = True

    def __init__(self, kind, milliseconds):
        self.kind, self.milliseconds = kind, milliseconds

    def __call__(self, X, rng):  # noqa: ARG002 - a transform gets it
        if self.kind == "sleep":
            time.sleep(self.milliseconds / 1000)
        else:
            for _ in range(3 * self.milliseconds):
                np.sin(NUMBERS)
        return X


class SlowSteps(Trainer):
    """Its steps take as long as the transforms."""

    def step(self, x, y):
        self.train_dl.ds.transform(x, None)
        return super().step(x, y)


def trainer(transform, **options):
    X = np.random.default_rng(0).standard_normal((N_BATCHES * BATCH, 4)).astype(np.float32)
    model = Sequential([Linear(4, 1)], MSE())
    data = Dataset(X, X[:, :1], transform=transform)
    loader = DataLoader(data, BATCH, shuffle=True, seed=0, **options)
    return SlowSteps(model, SGD(model, lr=0.01), loader, compile=False)


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--kind", choices=("sleep", "numpy"), default="sleep")
    parser.add_argument(
        "--milliseconds", type=int, default=10, help="of a step, and of its transform"
    )
    parser.add_argument("--processes", action="store_true", help="workers are processes")
    asked = parser.parse_args()
    takes = Takes(asked.kind, asked.milliseconds)
    without = trainer(takes, workers=0)
    ahead = trainer(takes, workers=1, processes=asked.processes)
    ahead.train(1, log_level=0)  # processes have started
    hidden = []
    for _ in range(asked.rounds):
        alone = seconds(lambda: list(without.train_dl))
        both = seconds(lambda: without.train(1, log_level=0))
        beside = seconds(lambda: ahead.train(1, log_level=0))
        hidden.append((both - beside) / alone)
        print(f"transforms {alone:.3f} s, in turn {both:.3f} s, ahead {beside:.3f} s")
    print(f"hidden: {statistics.median(hidden):.0%} of the transforms' time "
          f"({min(hidden):.0%} to {max(hidden):.0%} in {asked.rounds} rounds)")  # fmt: skip


if __name__ == "__main__":
    main()
