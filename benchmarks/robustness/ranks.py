"""One of several ranks is killed (SIGKILL) at a random moment: all end, and the run goes on.

After each kill the other ranks must be gone within LIMIT seconds, with a status that is not 0 and a
message of the lost rank; a copy of the folder, resumed on as many ranks, ends with the bits of a
run without kills, and from 4 ranks on 2 within what rounding makes of one rank's run (8 times
float32's distance from float64, scaled: tests/test_distributed.py).
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.robustness.run import arrays_of, finish, made

LIMIT = 10.0  # seconds in which all ranks have to end
TIMEOUT = 300.0  # seconds after which a run hangs
PROGRAM = Path(__file__).with_name("rank.py")
ROOT = Path(__file__).parents[2]
RUNS = (4, 2)  # numbers of ranks, in turns


def tried(place, count=20):
    """Yield what came out, in words."""
    rng, wanted = random.Random(0), {n: whole(place / f"whole{n}", n) for n in RUNS}
    noise, kills, worst, off, early = rounding(), 0, 0.0, 0.0, 0
    while kills < count:
        n, folder = RUNS[kills % len(RUNS)], place / f"run{kills}-{early}"
        seconds = killed(folder, n, rng, wanted[n][2])
        if seconds is None:
            early += 1
            continue
        kills, worst = kills + 1, max(worst, seconds)
        yield f"kill {kills}, of {n} ranks: the others had ended after {seconds:.2f} s"
        other = place / "other"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(folder, other)
        assert whole(folder, n)[0] == wanted[n][0], f"resumed on {n} ranks: other numbers"
        if n == 4:
            _, arrays, _ = whole(other, 2)
            off = max(off, largest(wanted[n][1], arrays))
            assert off <= 8 * noise, f"from 4 ranks on 2: {off:.2g} off, {8 * noise:.2g} allowed"
    yield f"{kills} ranks killed, of 4 and of 2: all had ended after {worst:.2f} s at most"
    yield "resumed on as many: the same bits each time"
    yield f"resumed from 4 on 2: {off:.2g} off at most, {8 * noise:.2g} allowed"


def start(folder, n):
    """Start n ranks that go on with the run in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("rank-*"):
        old.unlink()
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    idle = {"OMPI_MCA_mpi_yield_when_idle": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "portanet.distributed.run", "-n", str(n), "--by", "mpi"]
    return subprocess.Popen(
        [*command, PROGRAM, folder / "run", folder / "result.npz"], cwd=folder, text=True,
        env={**os.environ, **idle, "PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def whole(folder, n):
    """Run to the end; return the digest, the arrays, and how long the steps took."""
    process, begun = start(folder, n), None
    processes(folder, n, process)
    begun = time.monotonic()
    output, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, output
    found = dict(np.load(folder / "result.npz"))
    return (folder / "result.npz.txt").read_text(), found, time.monotonic() - begun


def killed(folder, n, rng, seconds):
    """Kill one of n ranks; return after how long all had ended, None if they had before."""
    process, rank = start(folder, n), rng.randrange(n)
    running = processes(folder, n, process)
    time.sleep(rng.uniform(0, 0.9 * seconds))
    try:
        os.kill(running[rank], signal.SIGKILL)
    except ProcessLookupError:
        process.communicate(timeout=TIMEOUT)
        return None
    begun = time.monotonic()
    try:
        output, _ = process.communicate(timeout=LIMIT)
    finally:  # a run that hangs does not outlive its verdict
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    while any(Path(f"/proc/{pid}").exists() for pid in running):
        assert time.monotonic() - begun < LIMIT, "ranks outlive the one that was killed"
        time.sleep(0.01)
    if (folder / "result.npz.txt").exists():  # it came after the last step
        return None
    assert process.returncode != 0, output
    assert f"rank {rank}" in output and "signal 9" in output, output
    return time.monotonic() - begun


def processes(folder, n, process):
    """Wait until all ranks are about to train; return their processes' numbers."""
    paths, until = [folder / f"rank-{rank}" for rank in range(n)], time.monotonic() + TIMEOUT
    while not all(path.exists() for path in paths):
        if process.poll() is not None:
            raise RuntimeError(f"the ranks have not begun:\n{process.communicate()[0]}")
        assert time.monotonic() < until, "the ranks have not begun"
        time.sleep(0.01)
    return [int(path.read_text()) for path in paths]


def rounding():
    """Return what rounding makes of one rank's run in float64, by float32's distance from it."""
    exact, rounded = (
        arrays_of(finish(made(dtype=dtype, sync=True, distributed=False)))
        for dtype in ("float64", "float32")
    )
    return largest(exact, rounded) * 2.0**-29


def largest(exact, found):
    """Return the largest difference of arrays, as a part of the largest number of each.

    An average's "rest" is what rounding has left of it, and is not compared.
    """
    sizes = {name: np.max(np.abs(a)) for name, a in exact.items() if not name.endswith("/rest")}
    return max(np.max(np.abs(exact[name] - found[name])) / size for name, size in sizes.items())
