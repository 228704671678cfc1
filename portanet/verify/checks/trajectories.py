"""Trajectories: a network trained on a backend, as written, compiled or resumed, beside float64.

All runs start from the same numbers, and see the same batches. The yardstick is that of single
layers: the whole run in float64 under noise of the size of float32's rounding (bound.py), which
grows from step to step as rounding does in this very network. So a distance that grows because the
network is sensitive passes, and one that no rounding makes is a fault, in the first tensor that
has it: in the order of computation, forward values, loss, gradients, slots, values.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf

from portanet.backends import Backend, get
from portanet.verify.audit.code_line import error_with_line
from portanet.verify.catalogue.networks import NetworkCase
from portanet.verify.measure.bound import Bound
from portanet.verify.measure.ulps import DTYPES, ulps, worst_place
from portanet.verify.report import Finding, Skipped, Trajectory
from portanet.verify.report.places import each, other_devices
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.training import NotCompiledError, Training
from portanet.verify.runs.ways import Run, Tensors, ways, written
from portanet.verify.runs.where import OnBackend, UnderNoise

Items = Iterator[Finding | Skipped | Trajectory]


def check_trajectories(
    case: NetworkCase,
    seed: int,
    n_steps: int,
    places: Mapping[str, Backend],
    dtypes: Sequence[str] = DTYPES,
) -> Items:
    """Yield for each place, dtype and way to take steps a finding and a trajectory."""
    run = Run(case, Draw(seed), n_steps)
    judge = _Judge(run)
    for name, place in each(places.items()):
        for dtype in [d for d in dtypes if d in place.dtypes]:
            for way, train in ways(run, place, dtype, other_devices(places, place)):
                if isinstance(train, str):
                    yield Skipped(way, name, case.name, train)
                else:
                    yield from judge.items(way, name, OnBackend(place, dtype), train)


class _Judge:
    """The oracle of a run, its bound, and NumPy's own distances in float32."""

    def __init__(self, run: Run) -> None:
        self.run, self.case = run, run.case
        oracle = self._noisy(UnderNoise(0, epsilon=0.0))
        self.bound = Bound(oracle, lambda seed: self._noisy(UnderNoise(seed)))
        self.own = self._own(oracle)

    def items(
        self, way: str, name: str, where: OnBackend, train: Callable[[OnBackend], Tensors]
    ) -> Items:
        """Yield the finding and the trajectory of one way to train."""
        case = self.case
        try:
            found = train(where)
        except NotCompiledError as why:  # it runs as it is written, and is compared so
            yield Skipped(way, name, case.name, str(why))
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the check has found
            what = error_with_line(error)
            yield Finding(way, "network", case.name, "", name, where.dtype, False, inf, note=what)
            return
        errors = {n: ulps(v, self.bound.oracle[n], where.dtype) for n, v in found.items()}
        errors |= dict.fromkeys(where.faults, inf)
        parted = next((n for n, e in errors.items() if not self.bound.passes(n, e)), "")
        at = parted or max(errors, key=self._share(errors))
        note = where.faults.get(at) or worst_place(found[at], self.bound.oracle[at], where.dtype)
        yield Finding(
            way, "network", case.name, at, name, where.dtype, not parted, errors[at],
            self.own.get(at), self.bound.allowed(at), "", note if parted else "",
        )  # fmt: skip
        yield self._trajectory(way, name, where.dtype, errors, parted)

    def _noisy(self, where: UnderNoise) -> Tensors:
        run = self.run
        return Training(run.case, run.draw, where).steps(run.n_steps).tensors

    def _own(self, oracle: Tensors) -> dict[str, float]:
        """Return the errors of NumPy in float32; none where it raises, which its own row says."""
        try:
            own = written(self.run, OnBackend(get("numpy"), "float32"))
        except Exception:  # noqa: BLE001 - NumPy's own row says what it is
            return {}
        return {name: ulps(own[name], value, "float32") for name, value in oracle.items()}

    def _share(self, errors: Mapping[str, float]) -> Callable[[str], float]:
        def share(name: str) -> float:
            allowed = self.bound.allowed(name)
            return errors[name] / allowed if allowed else 0.0

        return share

    def _trajectory(
        self, way: str, name: str, dtype: str, errors: Mapping[str, float], parted: str
    ) -> Trajectory:
        distances: dict[str, list[float]] = {}
        allowed: dict[str, list[float]] = {}
        steps = sorted({int(n.split()[1].rstrip(":")) for n in errors if n.startswith("step ")})
        for step in steps:
            for group in ("forward", "loss", "gradient", "slot", "value", "buffer"):
                start = f"step {step}: {group}"
                names = [n for n in errors if n.startswith(start)]
                if names:
                    worst = max(names, key=lambda n: errors[n])
                    distances.setdefault(group, []).append(errors[worst])
                    allowed.setdefault(group, []).append(self.bound.allowed(worst))
        return Trajectory(self.case.name, name, dtype, way, distances, allowed, parted, steps[0])
