"""Fresh processes with a given number of threads, which answer with one line of JSON."""

import compileall
import json
import os
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any

COUNTS = ("OMP", "OPENBLAS", "MKL")
STEERING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would choose another BLAS kernel


def ask(module: str, threads: int, **question: Any) -> Any:
    """Return what `python -m module` answers to a question, in a process with so many threads.

    Its errors go to the terminal. Raises CalledProcessError if it fails.
    """
    write_byte_code()
    environment = {k: v for k, v in os.environ.items() if k not in STEERING}
    environment |= {f"{library}_NUM_THREADS": str(threads) for library in COUNTS}
    done = subprocess.run(
        [sys.executable, "-m", module, json.dumps(question | {"threads": threads})],
        env=environment, text=True, stdout=subprocess.PIPE, check=True,
        preexec_fn=partial(pin, threads),
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@cache
def write_byte_code() -> None:
    """Give this checkout byte code, as an installed package has: pip writes it.

    Under PYTHONDONTWRITEBYTECODE each process would compile our files, and no one else's, anew.
    """
    root = Path(__file__).parent.parent
    for folder in ("portanet", "backends", "benchmarks"):  # a link is not followed
        compileall.compile_dir(root / folder, quiet=1)


def pin(threads: int) -> None:
    """Keep this process on as many cores as threads: XLA takes all it may, and no setting else."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def answer(worker: Any) -> None:
    """Answer the question on the command line: worker(**question) as JSON."""
    print(json.dumps(worker(**json.loads(sys.argv[1]))))
