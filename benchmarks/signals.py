"""Does a run that is asked to end do so at once, and go on from its checkpoint with the same bits?

    python benchmarks/signals.py [--runs 50] [--seconds 5]

`runs` times SIGINT, and as often SIGTERM, is sent to a fresh process at a random moment of its
training or validation. Each must end within `seconds`, with status 130 or 143, and leave a
checkpoint of the step that it was at; a trainer that is resumed from it must have the weights of a
run that nothing has interrupted, after each of the 40 steps that follow. Prints the figures; the
exit status is 1 if one of these fails.
"""

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS, AFTER, BATCHES = 1500, 40, 16
SIGNALS = (signal.SIGINT, signal.SIGTERM)
phase = "training"


def slow_accuracy(y_hat, y):
    """Return the accuracy, after 60 ms: so that signals come in validation, too."""
    global phase
    from portanet import accuracy

    phase = "validation"
    time.sleep(0.06)
    phase = "training"
    return accuracy(y_hat, y)


def trainer(callbacks, metric):
    """Return the trainer of a small network with dropout and an average, on 256 samples."""
    import numpy as np

    import portanet
    from portanet import BCEWithLogits, DataLoader, Dataset, Dropout, Linear, ReLU, Sequential

    X = np.random.default_rng(0).standard_normal((256, 30)).astype(np.float32)
    y = X[:, 0] > 0
    portanet.seed(0)
    model = Sequential([Linear(30, 20), ReLU(), Dropout(0.1), Linear(20, 1)], BCEWithLogits())
    loader = DataLoader(Dataset(X, y), 256 // BATCHES, shuffle=True)
    rule = portanet.Adam(model, lr=0.01)
    val_dl = DataLoader(Dataset(X, y), 64)
    return portanet.Trainer(model, rule, loader, val_dl, metric, callbacks=callbacks, ema=0.99)


def hash_of(t):
    """Return a hash of all weights."""
    digest = hashlib.sha256()
    for parameter in t.model.parameters():
        digest.update(parameter.value.tobytes())
    return digest.hexdigest()


def hashes(t, n_steps):
    """Return the hash of the weights after each of n_steps."""
    from portanet.callbacks import Callback

    found = {}

    class Record(Callback):
        def on_step_end(self, trainer):
            found[trainer.n_steps] = hash_of(trainer)

    t.callbacks = [Record()]
    t.train(n_steps=n_steps, log_level=0)
    return found


def child(folder):
    """Train until a signal comes; say at which step, and in which phase it came."""
    from portanet.callbacks import Callback, Checkpoints, StopOnSignal

    class Noted(StopOnSignal):
        def _receive(self, number, frame):
            print(phase, flush=True)
            super()._receive(number, frame)

    class Slow(Callback):
        def on_step_end(self, trainer):
            if trainer.n_steps == 1:
                print("trains", flush=True)
            time.sleep(0.0005)

        def on_train_end(self, trainer):
            print(trainer.n_steps, flush=True)

    checkpoints = Checkpoints(folder, every=1000)
    trainer([Slow(), Noted(checkpoints)], slow_accuracy).train(n_steps=STEPS, log_level=0)
    print("not interrupted", flush=True)


def one_run(number, wait):
    """Return (seconds, status, phase, step, newest checkpoint's step, hashes after it)."""
    from portanet import accuracy, load
    from portanet.callbacks import Checkpoints

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "error", __file__, "--child", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait)
            start = time.monotonic()
            process.send_signal(number)
            phase, step = process.stdout.read().split()[:2]
            status = process.wait()
            seconds = time.monotonic() - start
        newest = Checkpoints(folder).newest()
        t = trainer([], accuracy)
        load(newest, t.model, t.optimizer, trainer=t)
        return seconds, status, phase, int(step), t.n_steps, hashes(t, AFTER)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        return child(options.child)
    from portanet import accuracy

    wanted, chance = hashes(trainer([], accuracy), STEPS), random.Random(0)
    n_bad = 0
    for number in SIGNALS:
        longest, phases = 0.0, {"training": 0, "validation": 0}
        for _ in range(options.runs):
            seconds, status, phase, step, saved, found = one_run(number, chance.uniform(0, 1.5))
            longest, phases[phase] = max(longest, seconds), phases[phase] + 1
            same = len(found) == AFTER and all(wanted[n] == found[n] for n in found)
            fits = status == 128 + number and seconds < options.seconds and saved == step
            if not (fits and same):
                n_bad += 1
                print(f"bad: {number.name} {seconds:.2f} s {status=} {step=} {saved=} {same=}")
        print(
            f"{number.name}: {options.runs} runs, {phases['training']} in training and "
            f"{phases['validation']} in validation; the longest took {longest:.2f} s to end"
        )
    print("all as wanted" if not n_bad else f"{n_bad} runs were not")
    return sys.exit(bool(n_bad))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
