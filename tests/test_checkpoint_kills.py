"""A run that is killed at any moment, also in a save, goes on from its newest checkpoint.

Run by hand with more kills: `python tests/test_checkpoint_kills.py 200`.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from test_callbacks import make, same_bits

import portanet
from portanet import load
from portanet.callbacks import Checkpoints

N_STEPS = 42  # the run ends within an epoch, with a save
PROGRAM = """
import sys, time
sys.path.insert(0, {tests!r})
import portanet.checkpoint_file as files
from test_checkpoint_kills import resumed

def slowly(who, path, write, replace=files.replace_file):
    def halves(file):
        write(Halves(file))
    replace(who, path, halves)

class Halves:
    def __init__(self, file):
        self.file = file

    def write(self, content):
        half = len(content) // 2
        self.file.write(content[:half])
        self.file.flush()
        time.sleep(0.0005)
        self.file.write(content[half:])

files.replace_file = slowly
print("ready", flush=True)
resumed({folder!r}).train(n_steps={n} - resumed.n_steps, log_level=0)
"""


def resumed(folder):
    """Return a trainer that goes on from the newest checkpoint of a folder."""
    checkpoints = Checkpoints(folder, every_steps=1)
    trainer = make([checkpoints])
    if checkpoints.newest() is not None:
        load(checkpoints.newest(), trainer.model, trainer.optimizer, trainer=trainer)
    resumed.n_steps = trainer.n_steps
    return trainer


def kill_often(folder, n_kills, seed):
    """Kill a run n times at random moments. Return how many partial files the kills have left.

    Where it has come to its end it begins anew.
    """
    rng, n_left, n_ends = random.Random(seed), 0, 0
    code = PROGRAM.format(tests=str(Path(__file__).parent), folder=str(folder), n=N_STEPS)
    env = {**os.environ, "PYTHONPATH": str(Path(portanet.__file__).parents[1])}
    whole = make()
    whole.train(n_steps=N_STEPS, log_level=0)
    while n_kills:
        with subprocess.Popen([sys.executable, "-c", code], stdout=-1, env=env) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            status = process.wait(timeout=60)
        assert status in (0, -signal.SIGKILL)
        n_kills -= status != 0
        n_left += sum(name.endswith(".partial") for name in names(folder))
        trainer = resumed(folder)  # the newest one loads, wherever the kill came
        if trainer.n_steps == N_STEPS:
            same_bits(whole, trainer)
            only_checkpoints(folder)
            n_ends += 1
            for name in names(folder):
                (folder / name).unlink()
    trainer = resumed(folder)
    trainer.train(n_steps=N_STEPS - trainer.n_steps, log_level=0)
    same_bits(whole, trainer)
    only_checkpoints(folder)
    return n_left


def names(folder):
    return os.listdir(folder) if folder.exists() else []


def only_checkpoints(folder):
    assert all(name.endswith(".safetensors") for name in names(folder)), names(folder)


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    kill_often(tmp_path / "runs", 8, seed=0)


def test_what_a_killed_save_of_another_step_has_left_is_removed(tmp_path):
    (tmp_path / "step-0000099.safetensors.17-0.partial").write_bytes(b"half")
    make([Checkpoints(tmp_path)]).train(1, log_level=0)
    assert names(tmp_path) == ["step-0000004.safetensors"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        n = int(sys.argv[1])
        print(f"{n} kills left {kill_often(Path(place) / 'runs', n, seed=1)} partial files")
