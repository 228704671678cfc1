"""Does a training script give the same bits each time it is run?

    python benchmarks/same_bits.py [--runs 20] [--threads 1 2] [--fast None True False]

Each run is a fresh process with pauses of chance between parts of its epochs. Beside every second one, work
keeps another core busy; one is stopped in the middle, saved, and resumed from the file with another
seed. Prints the hash of weights and history that each run ends with; the exit status is 1 if a
number of threads has more than one. With fast=None compiled kernels come in in the middle, at some
6500 of 10080 steps: at which step is part of the question. They round otherwise than NumPy.
"""

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PARTS, EPOCHS, RESUMED_AT = 10, 8, 5
BUSY = "while True: pass"
PYTHON = (sys.executable, "-W", "error", __file__)  # a plan that is rejected must not pass
FAST = {"None": None, "True": True, "False": False}
ROOT = Path(__file__).parent.parent


def trainer(fast):
    """Return the trainer of a small network with dropout, on 8010 samples drawn from seed 0."""
    import numpy as np

    import portanet
    from portanet import BCEWithLogits, DataLoader, Dataset, Dropout, Linear, ReLU

    rng = np.random.default_rng(0)
    X = rng.standard_normal((8010, 30)).astype(np.float32)
    noise = 0.3 * rng.standard_normal((8010, 1))
    y = (X[:, :1] + noise > 0).astype(np.float32)
    portanet.seed(0)
    layers = [Linear(30, 64), ReLU(), Dropout(0.1), Linear(64, 1)]
    model = portanet.Sequential(layers, BCEWithLogits())
    train_dl = DataLoader(Dataset(X, y), 64, shuffle=True)
    val_dl = DataLoader(Dataset(X, y), 64)
    adam = portanet.Adam(model, lr=0.01)
    return portanet.Trainer(model, adam, train_dl, val_dl, metric=portanet.accuracy, fast=fast)


def resumed(old, fast):
    """Return a new trainer that goes on where the old one has stopped."""
    import portanet

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/run.safetensors"
        portanet.save(path, old.model, old.optimizer, trainer=old)
        new = trainer(fast)
        portanet.seed(5)  # nothing that the file does not bring may matter
        portanet.load(path, new.model, new.optimizer, trainer=new)
    return new


def work(pauses, is_resumed, fast):
    """Train, with pauses; print the hash of the weights and of all losses."""
    chance, run = random.Random(pauses), trainer(fast)
    for part in range(PARTS):
        if is_resumed and part == RESUMED_AT:
            run = resumed(run, fast)
        run.train(EPOCHS, log_level=0)
        time.sleep(chance.random() * 0.05)
    digest = hashlib.sha256(repr(run.history).encode())
    for parameter in run.model.parameters():
        digest.update(parameter.value.tobytes())
    print(digest.hexdigest()[:12])


def hash_of(i, threads, fast, is_resumed):
    """Return what a fresh process ends with; the odd ones run beside other work."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    busy = subprocess.Popen([sys.executable, "-c", BUSY]) if i % 2 else None
    try:
        done = subprocess.run(
            [*PYTHON, "--work", str(i), str(int(is_resumed)), fast],
            env=environment, text=True, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
    finally:
        if busy is not None:
            busy.kill()
            busy.wait()
    return done.stdout.split()[-1]


def compare(runs, threads, fast):
    """Print the hashes of some runs; return whether there is one only."""
    hashes = [hash_of(i, threads, fast, is_resumed=i == runs // 2) for i in range(runs)]
    counts = {found: hashes.count(found) for found in dict.fromkeys(hashes)}
    print(
        f"fast={fast}, {threads} thread(s), {runs} runs, the one resumed {hashes[runs // 2]}: "
        + ", ".join(f"{found} x {n}" for found, n in counts.items()),
        flush=True,
    )
    return len(counts) == 1


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--fast", nargs="+", choices=FAST, default=["None"])
    given = parser.parse_args()
    if given.work:
        pauses, is_resumed, fast = given.work
        return work(int(pauses), is_resumed == "1", FAST[fast])
    same = [compare(given.runs, n, fast) for fast in given.fast for n in given.threads]
    return sys.exit(not all(same))


if __name__ == "__main__":
    main()
