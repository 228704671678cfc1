"""The judge: what a step gives in float64, and how far rounding may take it from that.

The readable code runs on the host in float64, as it is. Where the readable step's own error is that
of rounding, a number of a plan is right if its error is at most a few times as large: of its own
and of its row and column. Else the code runs again, some times, under noise of the size of the
network's own rounding (noise.py), and the largest error among these runs counts.
"""

import logging
from collections.abc import Callable, Collection, Iterable

import numpy as np

from portanet.compiler.verification.compare import Arrays, by_noise, difference, some_ulps
from portanet.compiler.verification.noise import NoisyTape

# the seeds of runs under noise: one acquits most, and many are asked before a verdict
_ROUNDS = [range(1, 2), *(range(n + 1, 2 * n + 1) for n in (1, 2, 4, 8, 16))]

# times the few ulps of compare.py: an error of the readable step that needs no noise
_PLAUSIBLE = 32
_OWN = 8  # times the noise that the readable step's own error may be

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
    ulps of compare.py errors may be.
    """

    def __init__(self, run: Run, readable: Arrays) -> None:
        self._run, self._readable = run, readable
        self.levels: dict[str, float] = {}
        self._noise: dict[str, np.ndarray] = {}  # the largest errors under noise so far

    def verdict(self, got: Arrays, names: Iterable[str]) -> dict[str, str]:
        """Return which of the named arrays are wrong, each with words.

        Raises JudgeError if the readable step itself is far from the run in float64: then that run
        did something else, and says nothing.
        """
        asked, center = {name: self._readable[name] for name in names}, self._once(0.0, 0)
        floats = {n: a for n, a in self._readable.items() if n in center and a.dtype.kind == "f"}
        every = floats | asked
        wanted = {name: _wanted(array, center[name]) for name, array in every.items()}
        errors = {name: _distance(array, center[name]) for name, array in every.items()}
        allowed = {name: by_noise(errors[name], wanted[name]) for name in every}
        judged = {name: wanted[name] for name in asked}
        own = difference(asked, judged, lambda n, w: _PLAUSIBLE * some_ulps(n, w))
        found = difference(got, judged, lambda n, _: allowed[n])
        for seeds in _ROUNDS if own or found else ():
            judged = {name: wanted[name] for name in own | found}  # what is open yet
            self._take_in(judged.keys(), center, seeds)
            errors.update({n: np.maximum(errors[n], self._noise[n]) for n in judged})
            allowed.update({n: by_noise(errors[n], w) for n, w in judged.items()})
            own = difference(asked, judged, lambda n, w: _OWN * by_noise(self._noise[n], w))
            found = difference(got, judged, lambda n, _: allowed[n])
            if not (own or found):
                break
        if own:
            raise JudgeError(f"in float64 `{next(iter(own))}` is something else")
        for name in every.keys() - found.keys():
            self.levels[name] = _level(allowed[name], name, wanted[name])
        return found

    def _take_in(self, names: Collection[str], center: Arrays, seeds: Iterable[int]) -> None:
        """Let the noise of some more runs count, for the arrays that are open yet."""
        dtypes = [array.dtype for array in self._readable.values() if array.dtype.kind == "f"]
        epsilon = max(float(np.finfo(dtype).eps) for dtype in dtypes)
        noise = {name: self._noise.get(name, np.zeros(center[name].shape)) for name in names}
        for seed in seeds:
            sample = self._once(epsilon, seed)
            for name in names:
                noise[name] = np.maximum(noise[name], _distance(sample[name], center[name]))
        self._noise = noise

    def _once(self, epsilon: float, seed: int) -> dict[str, np.ndarray]:
        tape = NoisyTape(epsilon, seed)
        with np.errstate(all="ignore"):
            results = self._run(tape)
        of = self._readable.keys() & results.keys()
        return {name: np.asarray(results[name], np.float64) for name in of}


def _level(allowed: np.ndarray, name: str, wanted: np.ndarray) -> float:
    """Return how many times the few ulps of compare.py an error may be, at the worst place."""
    with np.errstate(all="ignore"):
        times = allowed / some_ulps(name, wanted)
    return float(np.max(np.where(np.isfinite(times), times, 0), initial=0))


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        off = np.abs(a.astype(np.float64) - b)
    return np.where(np.isfinite(off), off, 0)


def _wanted(readable: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return float64's numbers in the dtype of the readable ones, and these where not finite."""
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(readable), center.astype(readable.dtype), readable)
