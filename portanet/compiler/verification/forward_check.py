"""Outputs of a compiled forward pass beside those of the readable one."""

from collections.abc import Mapping

import numpy as np

from portanet.checks import skip_value_checks
from portanet.compiler.tracing.rollback import undone
from portanet.compiler.verification import compare
from portanet.compiler.verification.host_run import held, on_host
from portanet.compiler.verification.judge import Judge
from portanet.compiler.verification.noise import NoisyTape
from portanet.sequential import Sequential
from portanet.several import Arrays, by_name, map_parts


def forward_difference(
    model: Sequential, x: Arrays, got: Mapping[str, np.ndarray], readable: Mapping[str, np.ndarray]
) -> str | None:
    """Return in words how outputs differ, in float64 where they do; None if they agree."""
    here, there = {name: got[name] for name in readable}, dict(readable)
    found = compare.difference(here, there, compare.some_ulps)
    if found:
        judge = Judge(lambda tape: _on_tape(model, x, tape), there)
        found = judge.verdict(here, found)
    return compare.first(found)


def _on_tape(model: Sequential, x: Arrays, tape: NoisyTape) -> dict[str, np.ndarray]:
    holders = {**model.named_parameters(), **model.named_buffers()}
    arrays = on_host({name: holder.peek() for name, holder in holders.items()})
    entered = {name: tape.enter(array) for name, array in arrays.items()}
    with undone({"": model}), skip_value_checks(), held(holders, entered):
        y_hat = model.forward(map_parts(tape.enter, x))
    return {name: tracer.array for name, tracer in by_name("y_hat", y_hat).items()}
