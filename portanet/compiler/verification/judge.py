"""The judge: what a step gives in float64, and how far rounding may take it from that.

The readable code runs on the host in float64, as it is. Where the readable step's own error is that
of rounding, a number of a plan is right if its error is at most a few times as large: of its own
and of its row and column. Else the code runs again, some times, under noise of the size of the
network's own rounding (noise.py), and the largest error among these runs counts.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from portanet.compiler.verification.case import Case
from portanet.compiler.verification.compare import Arrays
from portanet.compiler.verification.noise import NoisyTape

# the seeds of runs under noise: one acquits most, and many are asked before a verdict
_ROUNDS = [range(1, 2), *(range(n + 1, 2 * n + 1) for n in (1, 2, 4, 8, 16))]

_LOG = logging.getLogger("portanet")  # to the standard error output, unless told otherwise
_TIMES = 12  # the time of a readable step, for two runs in float64

Run = Callable[[NoisyTape], dict[str, np.ndarray]]


def announce(seconds: float) -> None:
    """Say in one line that a step is judged now, if that is expected to take over a second.

    `seconds` are those of the readable step; nothing but this line depends on a clock.
    """
    if _TIMES * seconds > 1:
        _LOG.warning("portanet: verifying a step in float64, some %.0f s", _TIMES * seconds)


class JudgeError(RuntimeError):
    """The code does something else in float64 than in the network's dtype."""


class Judge:
    """Compares arrays by name with what `run` makes of them in float64.

    `readable` holds what the readable step gave, in the network's dtype; run(tape) runs the same
    code under a tape. `levels` say of all arrays, once some were judged, how many times the few
    ulps of compare.py errors may be. Arrays are judged one after the other: what was needed for one
    is gone before the next.
    """

    def __init__(self, run: Run, readable: Arrays) -> None:
        self._run, self._readable = run, readable
        self.levels: dict[str, float] = {}

    def verdict(self, got: Arrays, names: Iterable[str]) -> dict[str, str]:
        """Return which of the named arrays are wrong, each with words.

        Raises JudgeError if the readable step itself is far from the run in float64: then that run
        did something else, and says nothing.
        """
        levels: dict[str, float] = {}
        open_yet = self._without_noise(got, dict.fromkeys(names), levels)
        for seeds in _ROUNDS:
            if not open_yet:
                break
            self._take_in(open_yet, seeds)
            for name, case in list(open_yet.items()):
                case.judge(got.get(name))
                if not case.is_open:
                    levels[name] = case.level()
                    del open_yet[name]
        for name, case in open_yet.items():
            if case.own is not None:
                raise JudgeError(f"in float64 `{name}` is something else")
        self.levels = levels
        return {name: case.found for name, case in open_yet.items() if case.found is not None}

    def _without_noise(
        self, got: Arrays, names: Collection[str], levels: dict[str, float]
    ) -> dict[str, Case]:
        """Judge by the readable step's own errors alone; return what is open after that."""
        center, open_yet = self._once(0.0, 0, self._readable), {}
        floats = [n for n in center if self._readable[n].dtype.kind == "f"]
        for name in dict.fromkeys([*floats, *names]):
            case = Case(self._readable[name], center.pop(name))
            if name in names:
                case.judge(got.get(name))
            if case.is_open:
                open_yet[name] = case
            else:
                levels[name] = case.level()
        return open_yet

    def _take_in(self, cases: Mapping[str, Case], seeds: Iterable[int]) -> None:
        """Let the noise of some more runs count, for the arrays that are open yet."""
        dtypes = [array.dtype for array in self._readable.values() if array.dtype.kind == "f"]
        epsilon = max(float(np.finfo(dtype).eps) for dtype in dtypes)
        for seed in seeds:
            sample = self._once(epsilon, seed, cases)
            for name, case in cases.items():
                case.take_in(sample.pop(name))

    def _once(self, epsilon: float, seed: int, names: Collection[str]) -> dict[str, np.ndarray]:
        tape = NoisyTape(epsilon, seed)
        with np.errstate(all="ignore"):
            results = self._run(tape)
        return {n: np.asarray(results[n], np.float64) for n in names if n in results}
