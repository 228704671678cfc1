"""profile: a compiled step line by line, with times, bytes, and the layers that lines came from."""

import copy
import warnings
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from portanet.backends._llvm import machine
from portanet.checks import check_count
from portanet.compiler.errors import NotCompiledWarning
from portanet.compiler.options import Fast
from portanet.compiler.profiling.clocks import Clocks
from portanet.compiler.profiling.estimate import with_estimates
from portanet.compiler.profiling.gpus import gpu_named
from portanet.compiler.profiling.rows import Line, Row, lines_of
from portanet.compiler.profiling.table import TIMES, bytes_text, layer_table, table
from portanet.compiler.runtime.checked_plan import CheckedPlan
from portanet.compiler.step import CompiledStep
from portanet.errors import ArgumentError
from portanet.optimizer import Optimizer
from portanet.optimizers import SGD
from portanet.sequential import Sequential
from portanet.typing import Array

_SEVERAL = "several parts"
_METHODS = {"loss": "forward", "gradient": "backward", "update": "update"}


@dataclass(frozen=True)
class Profile:
    """What `profile` has found; as text it is a table.

    rows             one a line of the plan, and one for each part of a compiled call (see Row)
    step, readable   microseconds of a whole step: compiled, and as it is written
    products         microseconds of its products of matrices alone, by the library's own `matmul`:
                     what no plan goes far below; None where they cannot be called one by one
    arena, homes     bytes: what the plan needs for itself; parameters, slots, buffers and sums
    layers           {"layers.0 Linear": {"forward": µs, "backward": µs, "update": µs,
                     "together": µs, "operations": how many, "flops": those of products}}, where
                     lines that work for several layers have an entry of their own, and those for
                     several methods a time; None: no line is for that alone
    backend, repeats where, and how many times were taken
    estimate_for     the GPU that the rows' estimates are for; None: there are none
    """

    rows: list[Row]
    step: float
    readable: float
    products: float | None
    arena: int
    homes: int
    backend: str
    repeats: int
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    estimate_for: str | None = None

    @property
    def estimate(self) -> float | None:
        """The sum of the lines' estimates, in microseconds; None if no GPU was asked for."""
        if self.estimate_for is None:
            return None
        return sum(row.estimate or 0.0 for row in self.rows if not row.inside)

    def __str__(self) -> str:
        flops = sum(row.flops for row in self.rows if not row.inside)
        alone = "" if self.products is None else f"; its products alone {self.products:.1f} µs"
        head = (
            f"A training step on {self.backend}: {self.step:.1f} µs compiled, {self.readable:.1f} "
            f"µs as it is written{alone}.\n{flops / 1e6:.3g} MFLOP in products; arena "
            f"{bytes_text(self.arena)}, homes {bytes_text(self.homes)}. Medians of {self.repeats}."
        )
        if self.estimate_for is not None:
            head += (
                f"\nESTIMATED, not measured: ≈ {self.estimate:.1f} µs on an NVIDIA "
                f"{self.estimate_for}, from its data sheet (profiling/estimate.py)."
            )
        lines = table(self.rows, self.estimate_for)
        return "\n\n".join([head, lines, layer_table(self.layers)])

    __repr__ = __str__


def profile(
    model: Sequential, x: Array, y: Array, optimizer: Optimizer | None = None, *,
    fuse: bool = True, fast: Fast = None, repeats: int | None = None,
    estimate_for: str | None = None,
) -> Profile:  # fmt: skip
    """Compile a training step on a batch, take it many times, and say where the time goes.

    Copies of the model and of the optimizer (SGD if there is none) are trained; yours stay as they
    are. `fuse` and `fast` are those of compile_step; fast=None shows what a long training comes
    to: the code compiled by LLVM where llvmlite is installed. `repeats` None: as many as take about
    a second, 5 to 200. On CuPy each launch is waited for: its time has the launch in it, which the
    whole step, one graph, has not.

    `estimate_for` is a GPU's name ("H200", "A100", "RTX 4090" …, see gpus.py): beside each line
    stands what it would take there in a CUDA graph, as its data sheet lets one expect. That is an
    estimate by the formula in estimate.py, on any machine; a plan on CuPy knows its kernels, and of
    others each line counts as one kernel that uses all of the GPU.

    Raises ArgumentError where a step cannot be compiled (the words say why), and for a GPU whose
    figures are not known.

    >>> import numpy as np, portanet
    >>> from portanet import BCEWithLogits, Linear, ReLU, Sequential
    >>> portanet.seed(0)
    >>> model = Sequential([Linear(30, 20), ReLU(), Linear(20, 1)], BCEWithLogits())
    >>> x, y = np.ones((64, 30), np.float32), np.ones((64, 1), np.float32)
    >>> found = portanet.profile(model, x, y, fast=False, repeats=5)
    >>> row = found.rows[0]
    >>> row.operations, row.places, row.shape, row.flops
    (('matmul',), ('layers.0.forward',), (64, 20), 76800)
    >>> print(found)
    A training step on numpy: ... µs compiled, ... µs as it is written; its products alone ... µs.
    0.161 MFLOP in products; arena ... KiB, homes 2.5 KiB. Medians of 5.
    ...
    """
    if repeats is not None:
        check_count("profile", "repeats", repeats, 1)
    gpu = None if estimate_for is None else gpu_named(estimate_for)
    given = (model, SGD(model, lr=0.01) if optimizer is None else optimizer)
    fast = (fuse and machine.available()) if fast is None else fast
    step = CompiledStep(*copy.deepcopy(given), fuse=fuse, fast=fast)
    planned = _planned(step, x, y)
    lines = lines_of(planned.plan)
    lines = lines if gpu is None else with_estimates(lines, gpu)
    clocks = Clocks(step, planned, lines, x, y, copy.deepcopy(given))
    n = clocks.run(repeats)
    rows = _timed_rows(lines, clocks.of_lines)
    return Profile(
        rows, median(clocks.of_step), median(clocks.readable),
        median(clocks.of_products) if clocks.of_products else None,
        planned.plan.n_bytes, sum(h.nbytes for h in planned.plan.homes.values()),
        model.backend.name, n, _layers(rows, model), estimate_for,
    )  # fmt: skip


def _planned(step: CompiledStep, x: Array, y: Array) -> CheckedPlan:
    """Return the plan of a step that moves, once it has been traced and checked."""
    optimizer = step.optimizer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCompiledWarning)  # it is said below
        for _ in range(6 * optimizer.accumulate):
            step(x, y)
            moves = optimizer.n_accumulated + 1 >= optimizer.accumulate
            planned = step.plan_for(x, y) if moves else None
            if planned is not None:
                return planned
    why = step.refused or f"backend {step.model.backend.name!r} takes steps as they are written"
    raise ArgumentError(f"profile: the step must be one that can be compiled, is not: {why}")


def _timed_rows(lines: list[Line], times: list[list[float]]) -> list[Row]:
    """Return the rows of all lines with their times, each call's parts after it."""
    medians = [median(of_line) for of_line in zip(*times, strict=True)]
    total, rows = sum(medians), []
    for line, time in zip(lines, medians, strict=True):
        share = time / total if total else 0.0
        rows += [replace(line.row, microseconds=time, share=share), *line.parts]
    return rows


def _layers(rows: list[Row], model: Sequential) -> dict[str, dict[str, Any]]:
    """Return what each part of the model took, as far as lines are one part's alone."""
    kinds = {name: type(part).__name__ for name, part in model.named_parts().items()}
    found: dict[str, dict[str, Any]] = {}
    whole = {row.inside for row in rows if row.inside}
    for row in rows:
        if row.line in whole and len(row.places) != 1:
            _add(found, _SEVERAL, "", replace(row, operations=(), flops=0))
            continue
        names = {place.rpartition(".")[0] for place in row.places}
        name = names.pop() if len(names) == 1 else _SEVERAL
        methods = {_METHODS.get(m, m) for m in (p.rpartition(".")[2] for p in row.places)}
        method = methods.pop() if len(methods) == 1 else ""
        _add(found, f"{name} {kinds[name]}".lstrip() if name in kinds else name, method, row)
    return found


def _add(found: dict[str, dict[str, Any]], name: str, method: str, row: Row) -> None:
    """Add a line to what a part took."""
    times = dict.fromkeys(TIMES)
    part = found.setdefault(name, {**times, "operations": 0, "flops": 0})
    part["operations"] += len(row.operations)
    part["flops"] += row.flops
    if row.microseconds is not None:
        part[method or "together"] = (part.get(method or "together") or 0.0) + row.microseconds
