"""The ways to train a network at a place: as written, compiled by each engine, resumed."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from portanet.backends import Backend, get
from portanet.backends._llvm import machine
from portanet.compiler.engines.registry import engine_for
from portanet.verify.catalogue.networks import NetworkCase
from portanet.verify.report.places import at_work
from portanet.verify.runs.inputs import Draw
from portanet.verify.runs.training import Training
from portanet.verify.runs.where import OnBackend

Tensors = dict[str, np.ndarray]

# compile_step's options for each way to compile
COMPILED: dict[str, Mapping[str, Any]] = {
    "compiled": {"fast": False},  # as compile_step does it where LLVM has not paid yet
    "unfused": {"fuse": False},
    "compiled by LLVM": {"fast": True},
}


@dataclass(frozen=True)
class Run:
    """A network to be trained for some steps, on one draw of its batches."""

    case: NetworkCase
    draw: Draw
    n_steps: int


def written(run: Run, where: OnBackend) -> Tensors:
    """Train as it is written."""
    return Training(run.case, run.draw, where).steps(run.n_steps).tensors


def compiled(run: Run, where: OnBackend, way: str) -> Tensors:
    """Train compiled. Raises NotCompiledError or WrongPlanError if the compiler refuses."""
    return Training(run.case, run.draw, where, COMPILED[way]).steps(run.n_steps).tensors


def resumed(run: Run, first: OnBackend, second: OnBackend) -> Tensors:
    """Train half the steps, save, and go on with another network elsewhere; return its tensors."""
    half = run.n_steps // 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.safetensors"
        with at_work(first.backend):
            Training(run.case, run.draw, first).steps(half).save(path)
        with at_work(second.backend):
            second_half = Training(run.case, run.draw, second).resume(path)
            return second_half.steps(run.n_steps - half).tensors


def ways(
    run: Run, place: Backend, dtype: str, others: Mapping[str, Backend] | None = None
) -> Iterator[tuple[str, Callable[[OnBackend], Tensors] | str]]:
    """Yield the ways to train at a place: the function, or why there is none.

    `others` are more devices of the place's library, where a run is resumed, too.
    """
    numpy = get("numpy")
    yield "trajectory", lambda where: written(run, where)
    for way, options in COMPILED.items():
        why = _why_not(place, way, options)
        if why != "not meant":
            yield way, why or (lambda where, way=way: compiled(run, where, way))
    if place is numpy:
        yield "resumed", lambda where: resumed(run, where, where)
    else:
        there = OnBackend(numpy, dtype)
        yield "saved here, resumed on NumPy", lambda where: resumed(run, where, there)
        yield "saved on NumPy, resumed here", lambda where: resumed(run, there, where)
    for name, other in (others or {}).items():
        if dtype in other.dtypes:
            elsewhere = OnBackend(other, dtype)
            yield (
                f"saved here, resumed on {name}",
                lambda where, elsewhere=elsewhere: resumed(run, where, elsewhere),
            )


def _why_not(place: Backend, way: str, options: Mapping[str, Any]) -> str:
    if way == "compiled by LLVM" and place.name != "numpy":
        return "not meant"
    if way == "compiled by LLVM" and not machine.available():
        return "llvmlite is not installed, or does not compile here"
    if engine_for(place, **options) is None:
        return "steps run as they are written: there is no such engine"
    return ""
