"""How many ulps a backend may be off: a multiple of what rounding makes of the same code.

The yardstick is noise: the code runs on NumPy in float64, with kernels left out, and the result of
every operation is moved by up to a unit of float32's last place at random (Monte Carlo arithmetic:
portanet/compiler/verification/noise.py); how far the largest of a few such runs is from the run
without noise says what rounding may do to these very inputs. Operations that round nothing are not
moved: what only selects, moves or compares numbers has noise 0, and must be exact. So there is no
floor that somebody chose.

Why 8 times: errors add up linearly to first order. Noise moves a result by up to 1 ulp, 1/2 on
average; where each operation of a library is within c ulps of the truth, the result is within c
times of the worst that noise can make of it. For + - * / and square roots c is 1/2 by IEEE 754;
for exp, log, tanh, erf and powers in float32 NVIDIA gives 1 to 4 (from tests of many inputs: no
guarantee), and that is the 4. The other 2 is a choice: the largest of a few samples is below the
worst case. Before something fails, more of them are taken (ROUNDS).

NumPy's own error in float32 stands beside each error, to be read, and decides nothing: else a
fault that NumPy shares would excuse itself. In float64 the same ratio is asked for.

Sources: Parker, "Monte Carlo arithmetic", 1997; for c the table of maximum ulp errors in
https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/mathematical-functions.html.
"""

from collections.abc import Callable, Mapping

import numpy as np

from portanet.verify.measure.ulps import errors

TIMES = 8.0
ROUNDS = (2, 4, 8, 16, 32)  # how many samples in all before each verdict

Results = Mapping[str, np.ndarray]


class Bound:
    """What rounding may do to the results of a run; `sample(seed)` is one under noise.

    >>> bound = Bound({"y": np.ones(1)}, lambda seed: {"y": np.ones(1) + seed * 2**-24})
    >>> bound.allowed("y"), bound.passes("y", 7.5), bound.passes("y", 129.0)
    (8.0, True, False)
    """

    def __init__(self, oracle: Results, sample: Callable[[int], Results]) -> None:
        self.oracle, self._sample = oracle, sample
        self._noise = dict.fromkeys(oracle, 0.0)
        self._n = 0

    def allowed(self, name: str) -> float:
        """Return how many ulps the result of this name may be off, as far as is known."""
        self._take(ROUNDS[0])
        return TIMES * self._noise[name]

    def passes(self, name: str, error: float) -> bool:
        """Return whether an error in ulps is one of rounding; take more samples if it is not."""
        if not np.isfinite(error):
            return False
        for n in ROUNDS:
            self._take(n)
            if error <= TIMES * self._noise[name]:
                return True
        return False

    def _take(self, n: int) -> None:
        for seed in range(self._n + 1, n + 1):
            for name, value in self._sample(seed).items():
                off = errors(value, self.oracle[name], "float32")
                # where noise makes a NaN of a number, it says nothing
                largest = np.max(off, initial=0.0, where=np.isfinite(off))
                self._noise[name] = max(self._noise[name], float(largest))
        self._n = max(self._n, n)
