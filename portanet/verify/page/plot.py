"""A plot as SVG: distances of trainings over steps, logarithmic, with the bound."""

from collections.abc import Sequence
from itertools import zip_longest
from math import ceil, floor, isfinite, log10

from portanet.verify.page.text import escaped
from portanet.verify.report.trajectory import Trajectory

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 320, 190, 44, 12, 30
_LEAST = -1  # log10 of the smallest distance that is drawn: below are exact steps, too


class Scale:
    """Where steps and distances are, for some lines of distances."""

    def __init__(self, lines: Sequence[Sequence[float]], n: int = 0) -> None:
        finite = [v for line in lines for v in line if isfinite(v) and v > 0]
        self.n = max([n, *map(len, lines)])
        self.top = max([_LEAST + 2, *(ceil(log10(v) + 1e-9) for v in finite)])

    def x(self, step: int) -> float:
        """Return where a step is, from the left."""
        return _LEFT + (_WIDTH - _LEFT - 8) * step / max(self.n - 1, 1)

    def y(self, distance: float) -> float:
        """Return where a distance is, from above; one that is not finite is at the top."""
        if not isfinite(distance):
            return _TOP
        power = max(_LEAST, log10(distance)) if distance > 0 else _LEAST
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (self.top - power) / (self.top - _LEAST)

    def path(self, line: Sequence[float], start: int = 0) -> str:
        """Return the points of a line that begins at a step."""
        return " ".join(f"{self.x(i):.1f},{self.y(v):.1f}" for i, v in enumerate(line, start))


def plot(title: str, name: str, runs: Sequence[Trajectory], colors: dict[str, int]) -> str:
    """Return a figure of the distances called `name` of some trainings."""
    runs = [run for run in runs if run.distances.get(name)]
    bounds = [[0.0] * run.start + run.allowed.get(name, []) for run in runs]
    bound = [max(values) for values in zip_longest(*bounds, fillvalue=0.0)]
    n = max((run.start + len(run.distances[name]) for run in runs), default=0)
    scale = Scale([bound, *(run.distances[name] for run in runs)], n)
    lines = [_run(scale, run, name, colors.get(run.backend, 0)) for run in runs]
    dashed = f'<polyline class="allowed" points="{scale.path(bound)}"/>' if bound else ""
    label = escaped(f"{title}: distances of {name} in ulps over {scale.n} steps")
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{_axes(scale)}{''.join(lines)}{dashed}</svg>"
        f"<figcaption>{escaped(name)}, ulps</figcaption></figure>"
    )


def _run(scale: Scale, run: Trajectory, name: str, color: int) -> str:
    distances, allowed = run.distances[name], run.allowed.get(name, [])
    beyond = [i for i, (d, a) in enumerate(zip(distances, allowed, strict=False)) if not d <= a]
    kind = "beyond" if beyond else f"run s{color}"
    words = escaped(f"{run.backend}, {run.how}")
    line = f'<polyline class="{kind}" points="{scale.path(distances, run.start)}"/>'
    mark = "".join(
        f'<text class="beyond-mark" text-anchor="middle" x="{scale.x(run.start + i):.1f}" '
        f'y="{scale.y(distances[i]) + 5:.1f}">✗</text>'
        for i in beyond[:1]
    )
    return f"<g><title>{words}</title>{line}{mark}</g>"


def _axes(scale: Scale) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - 8
    every = ceil((scale.top - _LEAST) / 5)
    powers = range(_LEAST, scale.top + 1, every)
    marks = [
        f'<path class="axis" d="M{_LEFT} {scale.y(10.0**p):.1f}H{right}"/>'
        f'<text text-anchor="end" x="{_LEFT - 6}" y="{scale.y(10.0**p) + 4:.1f}">'
        f"{'≤ ' if p == _LEAST else ''}{f'1e{p}' if p > 3 else f'{10.0**p:g}'}</text>"
        for p in powers
    ]
    steps = sorted({0, floor((scale.n - 1) / 2), scale.n - 1})
    marks += [
        f'<text text-anchor="middle" x="{scale.x(i):.1f}" y="{bottom + 16}">'
        f"{'step ' if not i else ''}{i + 1}</text>"
        for i in steps
    ]
    return "".join(marks)


def swatch(color: int) -> str:
    """Return a short line in a color."""
    return (
        '<svg class="swatch" viewBox="0 0 32 12" aria-hidden="true">'
        f'<path class="run s{color}" d="M0 6H32"/></svg>'
    )
