"""Whole runs: shuffling, gathering batches, loss sums and validation, an epoch at a time.

Each contender's epoch and its bare step take turns in one process. What counts is how much of the
lead that the steps have is kept: (peer's epoch / portanet's epoch) / (peer's step / portanet's).
"""

from typing import Any

from benchmarks.claims import JAX, OURS, PYTORCH, READABLE
from benchmarks.contenders import NotInstalledError, UnsupportedError, all_contenders
from benchmarks.networks import NETWORKS, data
from benchmarks.processes import answer, ask
from benchmarks.turns import Runner, take_turns

BATCHES = {
    "blog": (64, 16),
    "mnist": (32, 8),
    "wide": (6, 2),
    "cnn": (16, 4),
    "residual": (8, 2),
    "transformer": (16, 4),
    "transformer-wide": (8, 2),
    "lstm": (16, 4),
    "embedding": (32, 8),
}
CONTENDERS = (OURS, READABLE, PYTORCH, JAX)
CHANCE = 0.2  # how far the mean losses of an epoch may lie apart: each shuffles in its own order


def measure(network: str, threads: int, quick: bool) -> dict[str, Any]:
    """Return the seconds of an epoch and of a step, {contender: [a number a round]}."""
    return ask("benchmarks.epochs", threads, network=network, quick=quick)


def work(network: str, threads: int, quick: bool) -> dict[str, Any]:
    """Make every contender that has whole runs, and let epochs and steps take turns."""
    net, (n_train, n_val) = NETWORKS[network], BATCHES[network]
    train, val = data(net, n_train), data(net, n_val, seed=1)
    runners, reasons, rows = {}, {}, {}
    for contender in (c for c in all_contenders() if c.name in CONTENDERS):
        try:
            epoch = contender.make_epoch(net, train, val)
            step = contender.make(net, data(net))
            rows[contender.name] = epoch(0)
        except (NotInstalledError, UnsupportedError) as error:
            reasons[contender.name] = str(error)
        else:
            runners[f"{contender.name}: epoch"] = Runner(epoch)
            runners[f"{contender.name}: step"] = Runner(step, contender.wait, net.n_batches)
    check(rows)
    seconds, pause = (0.03, 0.02) if quick else (0.4, 0.25 if threads > 1 else 0.02)
    times = take_turns(runners, 3 if quick else 7, seconds, pause)
    return {"seconds": times, "reasons": reasons, "rows": rows}


def check(rows: dict[str, list[float]]) -> None:
    """Raise RuntimeError if the losses of the first epoch are not those of one network."""
    wanted = rows[READABLE]
    for name, row in rows.items():
        for mean, other in zip(row[:2], wanted[:2], strict=True):
            if not abs(mean / other - 1) < CHANCE:
                raise RuntimeError(
                    f"{name}: the losses of the first epoch must be near {wanted[:2]}, are "
                    f"{row[:2]}: it trains another network"
                )


if __name__ == "__main__":
    answer(work)
