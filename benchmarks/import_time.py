"""`import portanet` against `import numpy`: the best of ten fresh processes each, interleaved."""

import subprocess
import sys

CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module):
    out = subprocess.run(
        [sys.executable, "-c", CODE.format(module)], capture_output=True, check=True
    )
    return float(out.stdout)


def main(runs=10):
    times = [(seconds("numpy"), seconds("portanet")) for _ in range(runs)]
    numpy, portanet = (min(column) for column in zip(*times, strict=True))
    print(
        f"import numpy {numpy * 1e3:.0f} ms, import portanet {portanet * 1e3:.0f} ms: ratio {portanet / numpy:.2f}"
    )


if __name__ == "__main__":
    main()
