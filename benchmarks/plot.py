"""docs/benchmarks.png from results.json: the time of a training step, network by network."""

import statistics
from typing import Any

from benchmarks.claims import floor_of
from benchmarks.contenders import require
from benchmarks.networks import NETWORKS

NAMES = {  # whom the plot shows, and under which name
    "portanet, compiled": "portanet",
    "portanet, compiled, without LLVM": "portanet without LLVM",
    "portanet, readable": "portanet, not compiled",
    "PyTorch, eager": "PyTorch",
    "PyTorch, torch.compile": "torch.compile",
    "JAX, jit": "JAX jit",
    "scikit-learn's MLPClassifier": "scikit-learn",
    "Thinc": "Thinc",
    "NumPy, as in the blog": "plain NumPy",
}
TITLES = {
    "blog": "30-20-1, batch 64, SGD",
    "mnist": "784-256-128-10, batch 128, Adam",
    "wide": "1024-2048-2048-10, batch 256, Adam",
    "cnn": "CNN on 28 x 28, batch 64, Adam",
    "residual": "2 residual blocks, 64 channels, 32 x 32, Adam",
    "transformer": "2 Transformer blocks, d = 64, Adam",
    "transformer-wide": "2 Transformer blocks, d = 256, length 128, Adam",
    "lstm": "LSTM 32-64, 50 steps, batch 32, Adam",
    "embedding": "embedding 50,000 x 64, 20 tokens, batch 64, Adam",
}
OURS, OTHERS = ("#c44e52", "#e8a8aa"), ("#5b7083", "#b9c4ce")  # one thread, two threads

LEFT = 0.9  # where bars begin, so that one of ratio 1 is seen


def draw(results: dict[str, Any], path: str) -> None:
    """Save the plot. Raises NotInstalledError without matplotlib."""
    figure_module = require("matplotlib.figure")
    networks = [name for name in NETWORKS if name in results["steps"]]
    rows = len(networks) // 2 + 1  # with a panel for the legend
    figure = figure_module.Figure(figsize=(11, 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, 2).flatten()
    for ax, name in zip(axes, networks, strict=False):
        panel(ax, name, results["steps"][name])
    for ax in axes[len(networks) :]:
        ax.axis("off")
    legend(axes[len(networks)], results)
    figure.suptitle("Time of a training step, float32, on a CPU: shorter is faster", weight="bold")
    figure.savefig(path, dpi=150)


def panel(ax: Any, name: str, runs: dict[str, Any]) -> None:
    """Draw one network: a bar a contender and number of threads, from the floor on."""
    shown = [who for who in NAMES if any(who in run["seconds"] for run in runs.values())]
    height = 0.8 / len(runs)
    base = {count: base_of(run, shown) for count, run in runs.items()}
    for j, (count, run) in enumerate(runs.items()):
        for i, who in enumerate(shown):
            if who not in run["seconds"]:
                continue
            seconds = statistics.median(run["seconds"][who])
            ratio, y = seconds / base[count], i + (j - (len(runs) - 1) / 2) * height
            colour = (OURS if who.startswith("portanet") else OTHERS)[min(j, 1)]
            ax.barh(y, ratio - LEFT, left=LEFT, height=height, color=colour)
            ax.text(ratio * 1.03, y, label(seconds), va="center", fontsize=7, color="#333")
    decorate(ax, name, runs, shown)


def base_of(run: dict[str, Any], shown: list[str]) -> float:
    """Return the time that counts as 1: the floor, or without one the fastest shown."""
    floor = floor_of(run)
    if floor:
        return statistics.median(run["seconds"][floor])
    return min(statistics.median(s) for who, s in run["seconds"].items() if who in shown)


def decorate(ax: Any, name: str, runs: dict[str, Any], shown: list[str]) -> None:
    """Give a panel its title, axes and grid."""
    has_floor = floor_of(next(iter(runs.values()))) is not None
    unit = "the matrix products alone" if has_floor else "the fastest"
    ax.set_xscale("log")
    ax.set_title(TITLES[name], fontsize=10, loc="left")
    ax.set_xlabel(f"times {unit}", fontsize=8)
    right = ax.get_xlim()[1]
    ax.set_xlim(LEFT, right * 1.45)  # room for the labels
    marks = (1, 1.5, 2, 3, 5) if right < 8 else (1, 2, 5, 10, 20, 50, 100, 200)
    ticks = [t for t in marks if t <= right * 1.45]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks], fontsize=8)
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(shown)), [NAMES[who] for who in shown], fontsize=8)
    ax.invert_yaxis()
    ax.grid(axis="x", alpha=0.3)
    ax.axvline(1, color="#333", linewidth=0.8, linestyle="--")
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def label(seconds: float) -> str:
    """Return a time with two or three digits."""
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"


def legend(ax: Any, results: dict[str, Any]) -> None:
    """Say what the colours are, and where this was measured."""
    patch = require("matplotlib.patches").Patch
    ax.axis("off")
    counts = list(next(iter(results["steps"].values())))
    handles = [
        patch(color=colours[min(j, 1)], label=f"{who}, {count} thread{'s' * (count != '1')}")
        for who, colours in (("portanet", OURS), ("others", OTHERS))
        for j, count in enumerate(counts)
    ]
    ax.legend(handles=handles, loc="upper left", frameon=False, fontsize=9)
    facts = results["machine"]
    packages = facts["packages"]
    ax.text(
        0.02, 0.1,
        f"{facts['cpu'].split(',')[0]}, {facts['cores']} cores\nNumPy {packages['numpy']}, PyTorch "
        f"{packages['torch']}, JAX {packages['jax']}\nbars: medians, as multiples of the products' (or the\nfastest's) on as many threads; logarithmic",
        fontsize=9, color="#333",
    )  # fmt: skip
