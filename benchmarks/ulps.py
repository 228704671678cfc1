"""python -m benchmarks.ulps [--step N]

How far the compiled functions of float32 are from the true values, in units of the last place of the
true value rounded to float32, over every N-th float32 there is (1: all of them, some minutes each).
Oracle: NumPy's and SciPy's functions of float64.
"""

import argparse

import numpy as np
from scipy import special

from portanet.backends._llvm import machine

ORACLES = {
    "exp32": np.exp,
    "expm1_32": np.expm1,
    "log32": np.log,
    "log1p_32": np.log1p,
    "tanh32": np.tanh,
    "sigmoid32": special.expit,
    "erf32": special.erf,
}
CHUNK = 2**22


def main() -> None:
    """Print a row for each function."""
    parser = argparse.ArgumentParser("python -m benchmarks.ulps", description=__doc__)
    parser.add_argument("--step", type=int, default=1)
    step = parser.parse_args().step
    print("| function | largest error | at | wrong where not finite |\n|---|---|---|---|")
    for name in ORACLES:
        worst, where, n_wrong = measured(name, step)
        print(f"| {name} | {worst:.4f} ulps | {where!r} | {n_wrong} |", flush=True)


def measured(name: str, step: int) -> tuple[float, float, int]:
    """Return the largest error, where it is, and how many infinities and NaN are wrong."""
    text = (
        "def kernel(x: f4[:], y: f4[:], n: i8):\n"
        f"    for i in parallel(n):\n        y[i] = {name}(x[i])\n"
    )
    function = machine.function_of(machine.kernel(text))
    worst, where, n_wrong = 0.0, 0.0, 0
    for start in range(0, 2**32, CHUNK * step):
        stop = min(start + CHUNK * step, 2**32)
        x = np.arange(start, stop, step, dtype=np.uint64).astype(np.uint32).view(np.float32)
        y = np.empty_like(x)
        table = np.asarray([machine.address_of(x), machine.address_of(y), x.size], np.int64)
        function(machine.address_of(table))
        error, wrong = errors(ORACLES[name], x, y)
        n_wrong += wrong
        at = int(np.argmax(error))
        if error[at] > worst:
            worst, where = float(error[at]), float(x[at])
    return worst, where, n_wrong


def errors(oracle: np.ufunc, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """Return each number's error, 0 where it is not finite, and how many of those are wrong."""
    with np.errstate(all="ignore"):
        exact = oracle(x.astype(np.float64))
        rounded = exact.astype(np.float32)
        error = np.abs(y - exact) / np.spacing(np.abs(rounded)).astype(np.float64)
    finite = np.isfinite(rounded)
    alike = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
    return np.where(finite, error, 0), int(np.count_nonzero(~finite & ~alike))


if __name__ == "__main__":
    main()
