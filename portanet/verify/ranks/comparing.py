"""Where ranks part from one rank with the joined batch.

The yardstick is rounding: to first order errors grow with its unit, so how far one rank in float32
is from one in float64, scaled by 2^-29, is what rounding makes of this very network in float64.
Sums over ranks are added in another order: 8 times as much may differ, as everywhere in this kit
(measure/bound.py). Samples and learning rates are the same bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from portanet.verify.measure.bound import TIMES
from portanet.verify.ranks.recording import END, LOSSES, RATE, SAMPLES, Recorded

_SCALE = 2.0**-29  # float64's unit of rounding in float32's
_UNIT = 2.0**-52


@dataclass(frozen=True)
class Parting:
    """A number of a rank (None: of all together) that is off; `size` and `allowed` in ulps."""

    step: int
    tensor: str
    rank: int | None
    size: float
    allowed: float
    note: str

    def __str__(self) -> str:
        who = "all ranks together" if self.rank is None else f"rank {self.rank}"
        return f"step {self.step}, {self.tensor}, {who}: {self.note}"


@dataclass(frozen=True)
class Yardstick:
    """What ranks are held to: numbers, and how far each may be off, relative to its largest."""

    wanted: Recorded
    noise: float

    @property
    def allowed(self) -> float:
        """How many ulps may differ."""
        return TIMES * self.noise / _UNIT


def yardstick(exact: Recorded, rounded: Recorded) -> Yardstick:
    """Return what ranks are held to, from one rank in float64 and one in float32."""
    names = [name for name in exact if name not in (SAMPLES, RATE)]
    return Yardstick(exact, _SCALE * max(_distances(exact[n], rounded[n]).max() for n in names))


def partings(ranks: Sequence[Recorded], one: Yardstick) -> Iterator[Parting]:
    """Yield for each tensor the first step and rank that is off, if there is one."""
    for name, wanted in one.wanted.items():
        if name == SAMPLES:
            parts = np.split(wanted, wanted.shape[0])
            shares = [_share(parts, rank, len(ranks)) for rank in range(len(ranks))]
            yield from _first(name, [r.get(name) for r in ranks], shares, 0.0)
        elif name == LOSSES:
            yield from _together(ranks, wanted, one.allowed)
        else:
            allowed = 0.0 if name == RATE else one.allowed
            n_steps = len(one.wanted[RATE])
            found = [rank.get(name) for rank in ranks]
            yield from _first(name, found, [wanted] * len(ranks), allowed, n_steps)


def beside_rank_0(ranks: Sequence[Recorded]) -> Iterator[Parting]:
    """Yield what differs between ranks that each have statistics of their own within an epoch."""
    names = [n for n in ranks[0] if n not in (SAMPLES, LOSSES) and not n.startswith("buffer ")]
    yield from partings(ranks, Yardstick({name: ranks[0][name] for name in names}, 0.0))


def largest(ranks: Sequence[Recorded], one: Yardstick) -> float:
    """Return the largest difference of what is compared within the bound, in ulps."""
    names = [name for name in one.wanted if name not in (SAMPLES, LOSSES, RATE)]
    sizes = [_distances(one.wanted[n], rank[n]).max() for n in names for rank in ranks]
    return float(max(sizes) / _UNIT)


def first(found: Sequence[Parting]) -> Parting:
    """Return what parts first; of one step, the first in the order of computation."""
    return min(found, key=lambda parting: parting.step)


def _first(
    name: str,
    found: Sequence[np.ndarray | None],
    wanted: Sequence[np.ndarray],
    allowed: float,
    n_steps: int | None = None,
) -> Iterator[Parting]:
    places = []
    for rank, (array, one) in enumerate(zip(found, wanted, strict=True)):
        if array is None or array.shape != one.shape:
            shape = None if array is None else array.shape
            note = f"of shape {shape} in all steps, where one rank has {one.shape}"
            yield Parting(1, name, rank, np.inf, allowed, note)
            return
        off = _distances(one, array) / _UNIT
        if np.any(bad := ~(off <= allowed)):
            places.append((int(np.argmax(bad)), rank, float(np.max(off[bad]))))
    if places:
        at, rank, size = min(places)
        before = 0 if n_steps is None else n_steps - len(wanted[rank])
        note = _values(wanted[rank][at], found[rank], at)
        step = n_steps or 1 if name.startswith(END) else before + at + 1
        yield Parting(step, name, rank, size, allowed, note)


def _together(ranks: Sequence[Recorded], wanted: np.ndarray, allowed: float) -> Iterator[Parting]:
    found = [rank[LOSSES] for rank in ranks]
    total = np.sum(found, axis=0) if len({a.shape for a in found}) == 1 else found[0][:0]
    for parting in _first(LOSSES, [total], [wanted], allowed):
        yield Parting(
            parting.step, LOSSES, None, parting.size, allowed, f"sums of the epoch: {parting.note}"
        )


def _values(wanted: np.ndarray, found: np.ndarray | None, at: int) -> str:
    """Say one number, the one that is most off, of a step."""
    assert found is not None
    here = np.ravel(found[at])
    off = np.nan_to_num(np.abs(np.ravel(wanted) - here), nan=np.inf) * (np.ravel(wanted) != here)
    i = int(np.argmax(off))
    return f"wanted {np.ravel(wanted)[i]:.9g}, got {here[i]:.9g}"


def _share(steps: Sequence[np.ndarray], rank: int, n: int) -> np.ndarray:
    """Return the samples that a rank is to read, of those of the joined batches."""
    found = np.full((len(steps), steps[0].size), np.nan)
    for i, step in enumerate(steps):
        part = np.array_split(step[~np.isnan(step)], n)[rank]
        found[i, : len(part)] = part
    return found


def _distances(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return for each step the largest difference, relative to the largest number of all steps."""
    size = max(float(np.max(np.abs(np.nan_to_num(wanted)), initial=0.0)), 1e-300)
    off = np.where(np.isnan(wanted) & np.isnan(found), 0.0, np.abs(wanted - found))
    off = np.nan_to_num(off, nan=np.inf)
    return np.max(off.reshape(len(off), -1), axis=1, initial=0.0) / size
