"""What importing costs, against `import numpy`: the best of ten fresh processes, interleaved."""

import subprocess
import sys

CODE = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
STATEMENTS = [
    "import numpy",
    "import portanet",
    "from portanet import Linear, Trainer",
    "from portanet import *",
]


def seconds(statement):
    command = [sys.executable, "-c", CODE.format(statement)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def main(runs=10):
    times = [[seconds(statement) for statement in STATEMENTS] for _ in range(runs)]
    best = [min(column) for column in zip(*times, strict=True)]
    for statement, time in zip(STATEMENTS, best, strict=True):
        print(f"{statement:40} {time * 1e3:4.0f} ms, {time / best[0]:.2f} x import numpy")


if __name__ == "__main__":
    main()
