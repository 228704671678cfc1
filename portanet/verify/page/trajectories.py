"""Trainings: how far each is from float64, step by step, as plots and as a table."""

from collections import defaultdict
from collections.abc import Sequence

from portanet.verify.page.plot import plot, swatch
from portanet.verify.page.text import escaped, number, scrolling, table
from portanet.verify.report.report import Report
from portanet.verify.report.trajectory import Trajectory


def trajectories(report: Report) -> str:
    """Return the plots of each network and dtype, and the numbers behind them."""
    groups: dict[tuple[str, str], list[Trajectory]] = defaultdict(list)
    for trajectory in report.trajectories:
        groups[trajectory.network, trajectory.dtype].append(trajectory)
    colors = {name: i % 6 for i, name in enumerate(report.backends)}
    parts = [_network(f"{n}, {dtype}", runs, colors) for (n, dtype), runs in groups.items()]
    return _key(colors) + "\n".join(parts) if parts else ""


def _key(colors: dict[str, int]) -> str:
    items = [f"<li>{swatch(i)} {escaped(name)}</li>" for name, i in colors.items()]
    return (
        "<p>Each line is one training on one backend, as written, compiled or resumed: the largest "
        "distance from the same training in float64, in ulps. Dashed: what rounding alone can make "
        f'of it. ✗: beyond that.</p><ul class="key">{"".join(items)}</ul>'
    )


def _network(title: str, runs: Sequence[Trajectory], colors: dict[str, int]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in run.distances))
    plots = "".join(plot(title, name, runs, colors) for name in names)
    rows = [(r.backend, r.how, *(_last(r, name) for name in names), r.parted or "·") for r in runs]
    head = ("backend", "how", *(f"{name}: last / allowed" for name in names), "leaves the bound in")
    numbers = table(head, rows, range(2, 2 + len(names)))
    return (
        f'<h3>{escaped(title)}</h3><div class="plots">{plots}</div>'
        f"<details><summary>Numbers of {len(runs)} trainings</summary>"
        f"{scrolling(numbers, title)}</details>"
    )


def _last(run: Trajectory, name: str) -> str:
    if not run.distances.get(name):
        return "·"
    allowed = run.allowed.get(name)
    return f"{number(run.distances[name][-1])} / {number(allowed[-1]) if allowed else '·'}"
