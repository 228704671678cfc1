"""What the compiled step is to reach, each aim as a ratio of two measured times."""

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.tables import Spread, spread

OURS, WITHOUT_MKL, WITHOUT_NUMBA = (
    "portanet, compiled", "portanet, compiled, without MKL", "portanet, compiled, without numba",
)  # fmt: skip
READABLE, PYTORCH, JAX = "portanet, readable", "PyTorch, eager", "JAX, jit"
WAITING, SKLEARN = "JAX, jit, waiting each step", "scikit-learn's MLPClassifier"
FLOOR = "floor"  # whichever of the products is the fastest


@dataclass(frozen=True)
class Aim:
    """`top` by `bottom` is to be `sign` `bound`, in one part of the results."""

    text: str
    network: str
    top: str
    bottom: str
    sign: str
    bound: float
    part: str = "steps"


def _kept(network: str, peer: str) -> Aim:
    text = f"{network}, whole runs: share of the lead over {peer} that is kept"
    return Aim(text, network, peer, OURS, "≥", 0.85, "epochs")


AIMS = [
    Aim("blog: PyTorch / portanet", "blog", PYTORCH, OURS, "≥", 10),
    Aim("blog: JAX / portanet", "blog", JAX, OURS, "≥", 2),
    Aim("blog: JAX, waiting each step / portanet", "blog", WAITING, OURS, "≥", 2),
    Aim("blog: portanet / floor", "blog", OURS, FLOOR, "≤", 2.2),
    Aim("mnist: PyTorch / portanet without MKL", "mnist", PYTORCH, WITHOUT_MKL, "≥", 1.1),
    Aim("mnist: PyTorch / portanet", "mnist", PYTORCH, OURS, "≥", 1.25),
    Aim("mnist: JAX / portanet", "mnist", JAX, OURS, "≥", 1),
    Aim("mnist: portanet / floor", "mnist", OURS, FLOOR, "≤", 1.2),
    Aim("mnist: portanet without numba / floor", "mnist", WITHOUT_NUMBA, FLOOR, "≤", 1.6),
    Aim("wide: portanet / floor", "wide", OURS, FLOOR, "≤", 1.08),
    Aim("wide: PyTorch / portanet", "wide", PYTORCH, OURS, "≥", 1),
    Aim("cnn: portanet / PyTorch", "cnn", OURS, PYTORCH, "≤", 1.5),
    Aim("transformer: portanet / PyTorch", "transformer", OURS, PYTORCH, "≤", 1.5),
    *(
        _kept(n, peer)
        for n in ("blog", "mnist", "wide", "cnn", "transformer")
        for peer in (PYTORCH, JAX)
    ),
    Aim("load_digits, an epoch: scikit-learn / portanet", "", SKLEARN, OURS, "≥", 5, "digits"),
]


def measured(results: dict[str, Any], aim: Aim, threads: str) -> Spread | None:
    """Return the smallest, median and largest ratio, None where it was not measured."""
    part = results.get(aim.part, {})
    run = (part if aim.part == "digits" else part.get(aim.network, {})).get(threads)
    if run is None:
        return None
    seconds = run["seconds"]
    if aim.part == "epochs":
        return _kept_share(seconds, aim)
    names = [floor_of(run) if name == FLOOR else name for name in (aim.top, aim.bottom)]
    if any(name not in seconds for name in names):
        return None
    return spread(*(seconds[name] for name in names))


def _kept_share(seconds: dict[str, list[float]], aim: Aim) -> Spread | None:
    """Return (peer's epoch / ours) / (peer's step / ours), by rounds."""
    keys = [f"{who}: {what}" for what in ("epoch", "step") for who in (aim.top, aim.bottom)]
    if any(key not in seconds for key in keys):
        return None
    rounds = zip(*(seconds[key] for key in keys), strict=True)
    pairs = [(epoch / our_epoch, step / ours) for epoch, our_epoch, step, ours in rounds]
    return spread(*zip(*pairs, strict=True))


def verdict(aim: Aim, found: Spread | None) -> str:
    """Return whether the median reaches the aim."""
    if found is None:
        return "not measured"
    reached = found[1] >= aim.bound if aim.sign == "≥" else found[1] <= aim.bound
    return "reached" if reached else "**missed**"


def ours_of(run: dict[str, Any]) -> str:
    """Return what stands for portanet: the compiled step, where there is one."""
    return OURS if OURS in run["seconds"] else READABLE


def floor_of(run: dict[str, Any]) -> str | None:
    """Return the fastest of the products, None where there are none."""
    floors = {
        n: statistics.median(s) for n, s in run["seconds"].items() if n.startswith("products")
    }
    return min(floors, key=floors.__getitem__) if floors else None
