"""What the compiled step is to reach, each aim as a ratio of two measured times."""

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.tables import Spread, spread

PYTORCH_AS_IT_COMES = "PyTorch, eager, Adam not fused"
OURS, WITHOUT_LLVM = "portanet, compiled", "portanet, compiled, without LLVM"
READABLE, PYTORCH, JAX = "portanet, readable", "PyTorch, eager", "JAX, jit"
WAITING, SKLEARN = "JAX, jit, waiting each step", "scikit-learn's MLPClassifier"
PREDICT = "portanet, predict"
FLOOR = "floor"  # whichever of the products is the fastest


@dataclass(frozen=True)
class Aim:
    """`top` by `bottom` is to be `sign` `bound`, in one part of the results.

    On one thread it is to be `on_one`, if that is given; bound None: only on one thread.
    """

    text: str
    network: str
    top: str
    bottom: str
    sign: str
    bound: float | None
    on_one: float | None = None
    part: str = "steps"

    def bound_on(self, threads: str) -> float | None:
        """Return the bound on a number of threads, None where there is none."""
        return self.on_one if threads == "1" and self.on_one is not None else self.bound

    def wanted(self) -> str:
        """Return the bounds as text."""
        bounds = [] if self.bound is None else [f"{self.sign} {self.bound:g}"]
        if self.on_one is not None:
            bounds.append(f"{self.sign} {self.on_one:g} on one thread")
        return ", ".join(bounds)


def _kept(network: str, peer: str) -> Aim:
    text = f"{network}, whole runs: share of the lead over {peer} that is kept"
    return Aim(text, network, peer, OURS, "≥", 0.85, part="epochs")


def _to_pytorch(network: str, bound: float | None, on_one: float) -> Aim:
    return Aim(f"{network}: portanet / PyTorch", network, OURS, PYTORCH, "≤", bound, on_one)


def _inference(what: str, on_one: float) -> Aim:
    text = f"inference, {what.replace('@', ', batch ')}: portanet / PyTorch"
    return Aim(text, what, OURS, PYTORCH, "≤", None, on_one, part="inference")


def _predict(what: str) -> Aim:
    text = f"inference, {what.replace('@', ', batch ')}: predict / compiled"
    return Aim(text, what, PREDICT, OURS, "≤", None, 1.05, part="inference")


AIMS = [
    Aim("blog: PyTorch / portanet", "blog", PYTORCH, OURS, "≥", 10, 20),
    Aim("blog: JAX / portanet", "blog", JAX, OURS, "≥", 2),
    Aim("blog: JAX, waiting each step / portanet", "blog", WAITING, OURS, "≥", 2),
    Aim("blog: portanet / floor", "blog", OURS, FLOOR, "≤", 2.2, 1.9),
    Aim("mnist: PyTorch / portanet", "mnist", PYTORCH, OURS, "≥", 1.25, 1.45),
    Aim("mnist: JAX / portanet", "mnist", JAX, OURS, "≥", 1),
    Aim("mnist: portanet / floor", "mnist", OURS, FLOOR, "≤", 1.2),
    Aim("mnist: portanet without LLVM / floor", "mnist", WITHOUT_LLVM, FLOOR, "≤", 1.6),
    Aim("wide: portanet / floor", "wide", OURS, FLOOR, "≤", 1.05, 1.08),
    Aim("wide: PyTorch / portanet", "wide", PYTORCH, OURS, "≥", 1, 1.1),
    _to_pytorch("cnn", 0.75, 0.48),
    _to_pytorch("residual", None, 0.95),
    _to_pytorch("transformer", 0.9, 0.8),
    _to_pytorch("transformer-wide", None, 0.8),
    _to_pytorch("lstm", None, 1.0),
    _to_pytorch("embedding", None, 0.24),
    Aim(
        "embedding: portanet / PyTorch, Adam not fused",
        "embedding",
        OURS,
        PYTORCH_AS_IT_COMES,
        "≤",
        None,
        0.24,
    ),
    _inference("mnist@1", 0.5),
    _inference("mnist@1000", 0.95),
    _inference("cnn@1", 0.8),
    _inference("cnn@64", 0.8),
    _predict("mnist@1000"),
    _predict("cnn@64"),
    *(
        _kept(n, peer)
        for n in ("blog", "mnist", "wide", "cnn", "transformer")
        for peer in (PYTORCH, JAX)
    ),
    Aim("load_digits, an epoch: scikit-learn / portanet", "", SKLEARN, OURS, "≥", 5, part="digits"),
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


def verdict(aim: Aim, found: Spread | None, threads: str) -> str:
    """Return whether the median reaches the aim; nothing where there is none."""
    if found is None:
        return "not measured"
    bound = aim.bound_on(threads)
    if bound is None:
        return ""
    reached = found[1] >= bound if aim.sign == "≥" else found[1] <= bound
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
