"""What do callbacks cost, and does an epoch without any cost what it did in another version?

    python benchmarks/hooks.py [--against ../other-checkout] [--rounds 30] [--starts 4]

Each contender is a process of its own that trains the blog's network 30-20-1 (455 samples, batches of
64, validated on 114). They take turns, `rounds` times, in CPU seconds of 50 epochs each, compiled plans
warmed up; all of that `starts` times with new processes, as where their memory lies makes some
percent. Shown are medians and, for a machine with other work, what the tenth of the turns took
that were disturbed least. Five callbacks that do nothing but count show what hooks cost by
themselves: by epoch, and by step; the everyday ones are EarlyStopping, JSONLog, CSVLog, Checkpoints(every=50) and StopOnSignal.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS, WARM = 50, 300
KINDS = ("none", "by epoch", "by step", "everyday")
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
        trainer.train(WARM, log_level=0)
        for _ in sys.stdin:
            new_logs(trainer, folder)
            start = time.process_time()
            trainer.train(EPOCHS, log_level=0)
            print(time.process_time() - start, flush=True)


def new_logs(trainer, folder):
    """Forget the epochs so far: a history does not grow from turn to turn, nor do the logs."""
    trainer.history.clear()
    for log in Path(folder).glob("log.*"):
        log.unlink()


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
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--worker")
    options = parser.parse_args()
    if options.worker:
        return worker(options.worker)
    names = [("here", kind) for kind in KINDS]
    if options.against:
        names += [("there", "none"), ("there", "everyday")]
    times = {name: [] for name in names}
    for _ in range(options.starts):
        measure(times, options)
    base = ("there" if options.against else "here", "none")
    for (where, kind), found in times.items():
        shown = f"{where:5} {kind:9}"
        for name, at in (("median", 0.5), ("lowest tenth", 0.1)):
            seconds, of_base = quantile(found, at), quantile(times[base], at)
            shown += f" {name} {1e6 * seconds / EPOCHS:6.1f} µs an epoch, {seconds / of_base:.3f};"
        print(shown.removesuffix(";"))
    return None


def quantile(values, at):
    return sorted(values)[int(at * len(values))]


def measure(times, options):
    """Start a process for each contender, let them take turns, and add their seconds."""
    roots = {"here": HERE, "there": options.against and options.against.resolve()}
    processes = {name: begin(roots[name[0]], name[1]) for name in times}
    for i in range(options.rounds):
        for name in list(processes)[:: 1 if i % 2 else -1]:
            process = processes[name]
            process.stdin.write("\n")
            process.stdin.flush()
            times[name].append(float(process.stdout.readline()))
    for process in processes.values():
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
