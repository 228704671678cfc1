"""What do callbacks cost, and does an epoch without any cost what it did in another version?

    python benchmarks/hooks.py [--against ../other-checkout] [--rounds 60]

Each contender is a process of its own that trains the blog's network 30-20-1 (455 samples, batches of
64, validated on 114). They take turns, `rounds` times, in CPU seconds of 50 epochs each, compiled plans
warmed up; ratios are those of medians. Five callbacks that do nothing but count show what hooks
cost by themselves: by epoch, and by step.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS, WARM = 50, 3000
HERE = Path(__file__).parent.parent


def five(kind, folder):
    """Return callbacks by the name of a contender."""
    from portanet import callbacks as cb

    class OfEpochs(cb.Callback):
        n = 0

        def on_epoch_end(self, trainer, row):  # noqa: ARG002
            self.n += 1

    class OfSteps(cb.Callback):
        n = 0

        def on_step_end(self, trainer):  # noqa: ARG002
            self.n += 1

    def everyday():
        logs = [cb.JSONLog(f"{folder}/log.jsonl"), cb.CSVLog(f"{folder}/log.csv")]
        saved = cb.Checkpoints(f"{folder}/runs", every=50)
        return [cb.EarlyStopping(10**6), *logs, saved, cb.StopOnSignal(saved)]

    made = {"none": list, "by epoch": lambda: [OfEpochs() for _ in range(5)],
            "by step": lambda: [OfSteps() for _ in range(5)], "everyday": everyday}  # fmt: skip
    return made[kind]()


def worker(kind):
    """Train 50 epochs for each line that comes, and answer with their CPU seconds."""
    import numpy as np

    import portanet
    from portanet import SGD, BinaryCrossEntropy, DataLoader, Dataset, Linear, ReLU, Sigmoid

    portanet.seed(0)
    X = np.random.default_rng(0).standard_normal((569, 30)).astype(np.float32)
    y = X[:, 0] > 0
    layers = [Linear(30, 20), ReLU(), Linear(20, 1), Sigmoid()]
    model = portanet.Sequential(layers, BinaryCrossEntropy())
    train_dl = DataLoader(Dataset(X[:455], y[:455]), 64, shuffle=True)
    val_dl = DataLoader(Dataset(X[455:], y[455:]), 64)
    with tempfile.TemporaryDirectory() as folder:
        parts = (model, SGD(model, lr=0.01), train_dl, val_dl, portanet.accuracy)
        trainer = portanet.Trainer(*parts, callbacks=five(kind, folder))
        trainer.train(WARM // 10, log_level=0)
        for _ in sys.stdin:
            trainer.history.clear()  # logs count by it
            start = time.process_time()
            trainer.train(EPOCHS, log_level=0)
            print(time.process_time() - start, flush=True)


def begin(root, kind):
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); sys.argv[1:] = ['--worker', {kind!r}]; "
        f"import runpy; runpy.run_path({__file__!r}, run_name='__main__')"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--worker")
    options = parser.parse_args()
    if options.worker:
        return worker(options.worker)
    contenders = {
        ("here", kind): begin(HERE, kind) for kind in ("none", "by epoch", "by step", "everyday")
    }
    if options.against:
        contenders["there", "none"] = begin(options.against.resolve(), "none")
        contenders["there", "everyday"] = begin(options.against.resolve(), "everyday")
    times = {name: [] for name in contenders}
    for i in range(options.rounds):
        for name in list(contenders)[:: 1 if i % 2 else -1]:
            process = contenders[name]
            process.stdin.write("\n")
            process.stdin.flush()
            times[name].append(float(process.stdout.readline()))
    for process in contenders.values():
        process.stdin.close()
        process.wait()
    base = statistics.median(times["there" if options.against else "here", "none"])
    for (where, kind), found in times.items():
        median = statistics.median(found)
        print(f"{where:5} {kind:8} {1e6 * median / EPOCHS:7.1f} µs an epoch, {median / base:.3f}")
    return None


if __name__ == "__main__":
    main()
