"""Worker processes: the same batches, no device libraries, errors that travel, none left behind."""

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import worker_functions as of_workers
from worker_functions import X, Y

from portanet import DataLoader, Dataset
from portanet.errors import ArgumentError, DataError

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not PROC.exists(), reason="no /proc to look for processes in")


def loader(transform=None, batch_size=4, data=None, **options):
    data = Dataset(X, Y, transform=transform) if data is None else data
    return DataLoader(data, batch_size, seed=3, processes=True, **options)


def is_running(pid):
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids):
    """A process ends when it has seen that it is to; only one that never ends fails."""
    for _ in range(600):
        if not any(map(is_running, pids)):
            return
        time.sleep(0.1)
    raise AssertionError(f"still there: {[pid for pid in pids if is_running(pid)]}")


@needs_proc
def test_batches_surroundings_and_end(tmp_path):
    """One pool of processes for all of it: starting them takes longer than the rest."""
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")[3:]
    data = Dataset(mapped, Y[3:], transform=[of_workers.noise])
    mine = loader(data=data, shuffle=True, workers=2)
    plain = DataLoader(data, 4, True, seed=3, workers=0)
    for _ in range(2):
        for batch, wanted in zip(mine, plain, strict=True):
            np.testing.assert_array_equal(batch[0], wanted[0])
            np.testing.assert_array_equal(batch[1], wanted[1])
    data.transform = of_workers.surroundings  # which is noticed, and sent
    pids = set()
    for x, _ in (batch for _ in range(3) for batch in mine):  # the same ones in each epoch
        (pid, loaded, hidden, ignores), *_ = x
        pids.add(int(pid))
        assert (loaded, hidden, ignores) == (0, 1, 1)
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2
    next(iter(mine))  # an epoch that is left
    other = copy.deepcopy(pickle.loads(pickle.dumps(mine)))  # has none of the processes
    assert len(other) == len(mine)
    del mine
    gc.collect()
    wait_until_gone(pids)


def test_an_own_getitem_is_called_in_a_process():
    data = of_workers.FromFiles()
    for batch, wanted in zip(loader(data=data), DataLoader(data, 4), strict=True):
        np.testing.assert_array_equal(batch[0], wanted[0])


def test_errors_travel():
    mine = loader(of_workers.fails)
    batches = iter(mine)
    next(batches), next(batches)
    with pytest.raises(DataError, match=r"OwnError: 9: no such file; in the transform fails, of sample 9") as caught:  # fmt: skip
        next(batches)
    assert 'raise OwnError(9, "no such file")' in str(caught.value.__cause__)
    assert len(next(batches)[0]) == 4  # the others go on
    mine.ds.transform = of_workers.divides
    with pytest.raises(ZeroDivisionError) as caught:
        next(iter(mine))
    assert caught.value.__notes__ == ["in the transform divides, of sample 0 (epoch 1)"]
    assert "return 1 // int(x[0] == 5)" in str(caught.value.__cause__)
    mine.ds.transform = of_workers.kills
    with pytest.raises(DataError, match=r"a worker process has ended.*__name__ == '__main__'"):
        list(mine)
    mine.ds.transform = of_workers.noise
    assert len(list(mine)) == 6  # with new processes


def test_what_cannot_be_sent_is_said():
    with pytest.raises(
        ArgumentError,
        match=r"transforms that can be sent.*<lambda>.*with def at the top.*leave out processes=True",
    ):
        list(loader(lambda x, rng: x))


@needs_proc
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent(end):
    """Ctrl-C goes to all processes of a terminal, a kill to one."""
    program = subprocess.Popen(
        [sys.executable, of_workers.__file__],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    pids = [int(pid) for _ in range(2) for pid in program.stdout.readline().split()]
    if end == signal.SIGINT:
        os.killpg(program.pid, end)
    else:
        program.kill()
    errors = program.communicate(timeout=120)[1]
    wait_until_gone(pids)
    if end == signal.SIGINT:
        assert errors.count("Traceback") == 1
        assert errors.rstrip().endswith("KeyboardInterrupt")
