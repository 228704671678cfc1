"""Training from a file of 4 GiB beside training on the same numbers in memory.

    python -m benchmarks.larger_than_memory [--gib 4] [--width 256] [--rounds 9] [--folder DIR]

Writes DIR/portanet-4-gib.npy once (a temporary folder by default, which is removed). Two processes,
one with a memory map and one with an array, train the network 1024-width-10 with Adam in batches
of 128 rows, shuffled: the file is read once, so that it is cached, the first steps are left out
(they are planned and checked), and then they take turns. Of each: seconds and CPU seconds of a step, medians of the turns; and its memory by the
kernel's count (/proc/self/status): the resident set at its highest, which holds the pages of the
file that the process has mapped, and that without them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from portanet import Adam, CrossEntropy, DataLoader, Dataset, Linear, ReLU, Sequential, Trainer

N_FEATURES, BATCH = 1024, 128
FIRST, STEPS = 1100, 768  # steps before the turns, and of a turn
KINDS = ("map", "memory")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=4.0)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--worker", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.folder, options.width)
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = (options.folder or Path(temporary)) / f"portanet-{options.gib:g}-gib.npy"
        write(path, int(options.gib * 2**30) // (4 * N_FEATURES))
        cache(path)
        report(measure(path, options.width, options.rounds), path.stat().st_size)


def write(path: Path, n: int) -> None:
    """Write n rows of numbers, unless they are there."""
    if path.exists():
        return
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n, N_FEATURES))
    rng = np.random.default_rng(0)
    for start in range(0, n, 4096):
        X[start : start + 4096] = rng.standard_normal((min(4096, n - start), N_FEATURES), "f4")
    X.flush()


def cache(path: Path) -> None:
    """Read the file, so that the system has it in its cache."""
    with path.open("rb") as file:
        while file.read(2**24):
            pass


def measure(path: Path, width: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Return what each kind of process measures, turn by turn; first what its first steps take."""
    of_worker = [sys.executable, "-m", "benchmarks.larger_than_memory", "--folder", str(path)]
    workers = {
        kind: subprocess.Popen(
            [*of_worker, "--width", str(width), "--worker", kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for kind in KINDS
    }  # fmt: skip
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for turn in range(rounds + 1):
        for kind, worker in workers.items():
            print(STEPS if turn else FIRST, file=worker.stdin, flush=True)
            found[kind].append(json.loads(worker.stdout.readline()))
    for worker in workers.values():
        worker.communicate()
    return found


def work(kind: str, path: Path, width: int) -> None:
    """Train as many steps as each line of the input says; answer with the figures."""
    X = np.load(path, mmap_mode="r" if kind == "map" else None)
    y = np.arange(X.shape[0]) % 10
    model = Sequential([Linear(N_FEATURES, width), ReLU(), Linear(width, 10)], CrossEntropy())
    train = DataLoader(Dataset(X, y), BATCH, shuffle=True, seed=0)
    trainer = Trainer(model, Adam(model), train)
    for line in sys.stdin:
        n = int(line)
        wall, cpu = perf_counter(), process_time()
        trainer.train(n_steps=n, log_level=0)
        seconds = {"wall": (perf_counter() - wall) / n, "cpu": (process_time() - cpu) / n}
        print(json.dumps(seconds | memory()), flush=True)


def memory() -> dict[str, float]:
    """Return this process's memory in MiB: the highest resident set, and what is no file's now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    of = dict(line.split(":", 1) for line in lines)
    return {name: int(of[name].split()[0]) / 1024 for name in ("VmHWM", "RssAnon", "RssFile")}


def report(found: dict[str, list[dict[str, float]]], n_bytes: int) -> None:
    """Print the table."""
    print(f"{n_bytes / 2**30:.2f} GiB, batches of {BATCH}; a step in ms, memory in MiB")
    medians: dict[str, Any] = {}
    for kind, (_, *turns) in found.items():
        of = medians[kind] = {n: statistics.median(t[n] for t in turns) for n in ("wall", "cpu")}
        last = turns[-1]
        print(
            f"{kind:7} {1e3 * of['wall']:6.2f} ms, {1e3 * of['cpu']:6.2f} ms CPU; resident at most "
            f"{last['VmHWM']:6.0f}, now {last['RssAnon']:.0f} of no file, {last['RssFile']:.0f} of files"
        )
    for name in ("wall", "cpu"):
        ratios = [
            m[name] / f[name] for f, m in zip(found["map"][1:], found["memory"][1:], strict=True)
        ]
        print(f"speed from the map, of that in memory, by {name}: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
