"""A run is killed (SIGKILL) at random moments, also in a save, and resumed: nothing may differ.

After each kill the newest checkpoint must load, with the numbers that a run without kills has after
as many steps; a copy of the folder is resumed to the end, and ends with that run's weights,
statistics, optimizer's slots, averaged weights, history and logs, bit for bit; and only checkpoints
lie in the folder then. The run itself goes on from where it was killed, until it is at its end.
"""

import os
import random
import shutil
import signal
import time
from collections import Counter, defaultdict
from multiprocessing import get_context

import portanet.checkpoint_file as files
from benchmarks.robustness.run import N_STEPS, digest, finish, logs, made, resumed
from portanet.callbacks import Callback

OPTIONS = ({"compile": False}, {"compile": True})


def tried(place, count=200):
    """Yield what came out, in words."""
    found = kill_often(place, count)
    yield f"{found.pop('kills')} kills ({', '.join(f'{n} {what}' for what, n in found.items())})"


def kill_often(place, n_kills, seed=0):
    """Kill runs n times in a folder; return what the kills have met."""
    found, rng = Counter(), random.Random(seed)
    wanted = [whole(place / f"whole{which}", which) for which in range(len(OPTIONS))]
    while found["kills"] < n_kills:
        which = found["runs"] % len(OPTIONS)
        folder, n_steps = place / f"run{found['runs']}", 0
        found["runs"] += 1
        while (
            n_steps < N_STEPS and found["kills"] < n_kills and killed(folder, which, n_steps, rng)
        ):
            found["kills"] += 1
            found["in a save"] += any(name.endswith(".partial") for name in names(folder))
            n_steps = look(folder, place / "copy", which, *wanted[which])
            found["within an epoch"] += n_steps % 4 > 0
            found["before the first save"] += n_steps == 0
    return dict(found)


def whole(folder, which):
    """Return which numbers a run without kills has after each step, and its logs."""
    folder.mkdir(parents=True)
    trainer = made(folder / "run", **OPTIONS[which])
    steps = defaultdict(set, {0: {digest(trainer)}})

    class Note(Callback):
        saves = True  # it comes last, as the one that saves

        def on_step_end(self, trainer):
            steps[trainer.n_steps].add(digest(trainer))

        def on_epoch_end(self, trainer, row):
            self.on_step_end(trainer)  # between the two the epoch's row has come

    trainer.callbacks.append(Note())
    finish(trainer)
    return steps, logs(folder / "run")


def killed(folder, which, n_steps, rng):
    """Go on with a run for some steps and a bit; return whether it was killed before its end."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(folder, which, theirs))
    process.start()
    theirs.close()
    last, times = min(N_STEPS, n_steps + rng.randint(0, 14)), [time.perf_counter()]
    try:
        while (n := ours.recv()) < last:
            times.append(time.perf_counter())
        assert n >= n_steps, "the run has begun before its newest checkpoint"
    except EOFError:  # it has failed; its exit code says so below
        pass
    time.sleep(rng.uniform(0, 1.2 * (times[-1] - times[-2] if len(times) > 2 else 0.02)))
    process.kill()
    process.join()
    ours.close()
    assert process.exitcode in (0, -signal.SIGKILL), f"the run ended with {process.exitcode}"
    return process.exitcode != 0


def look(folder, copy, which, steps, wanted_logs):
    """Resume a copy of what a kill has left; return after how many steps the kill came."""
    for path in copy.parent.glob(f"{copy.name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in folder.parent.glob(f"{folder.name}*"):
        if path.stem == folder.name:  # the folder, and the logs beside it
            target = copy.with_suffix(path.suffix)
            shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)
    trainer = resumed(copy, **OPTIONS[which])
    n_steps = trainer.n_steps
    assert digest(trainer) in steps[n_steps], f"other numbers after {n_steps} steps"
    finish(trainer)
    assert digest(trainer) in steps[N_STEPS], f"resumed at {n_steps}, it ends with other numbers"
    assert logs(copy) == wanted_logs, f"resumed at {n_steps}, the logs differ"
    others = [name for name in names(copy) if not name.endswith(".safetensors")]
    assert n_steps == N_STEPS or others == [], f"the folder has {others}"
    return n_steps


def names(folder):
    """Return what lies in a folder, nothing if there is none."""
    return os.listdir(folder) if folder.exists() else []


class Halves:
    """A file that is written in two halves, with a pause in between."""

    def __init__(self, file):
        self.file = file

    def write(self, content):
        half = len(content) // 2
        self.file.write(content[:half])
        self.file.flush()
        time.sleep(0.0005)
        self.file.write(content[half:])


class Tell(Callback):
    """Says after each step how many there were."""

    def __init__(self, pipe):
        self.pipe = pipe

    def on_step_end(self, trainer):
        self.pipe.send(trainer.n_steps)


def work(folder, which, pipe):
    """Go on with a run, saving slowly, so that kills come within a save."""
    replace = files.replace_file
    files.replace_file = lambda who, path, write: replace(who, path, lambda f: write(Halves(f)))
    trainer = resumed(folder, **OPTIONS[which])
    pipe.send(trainer.n_steps)
    trainer.callbacks.append(Tell(pipe))
    finish(trainer)
