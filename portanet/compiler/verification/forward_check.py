"""Outputs of a compiled forward pass beside those of the readable one."""

import numpy as np

from portanet.checks import skip_value_checks
from portanet.compiler.tracing.rollback import undone
from portanet.compiler.verification import compare
from portanet.compiler.verification.host_run import held, on_host
from portanet.compiler.verification.judge import Judge
from portanet.compiler.verification.noise import NoisyTape
from portanet.sequential import Sequential


def forward_difference(
    model: Sequential, x: np.ndarray, got: np.ndarray, readable: np.ndarray
) -> str | None:
    """Return in words how outputs differ, in float64 where they do; None if they agree."""
    here, there = {"y_hat": got}, {"y_hat": readable}
    found = compare.difference(here, there, compare.some_ulps)
    if found:
        judge = Judge(lambda tape: {"y_hat": _on_tape(model, x, tape)}, there)
        found = judge.verdict(here, found)
    return compare.first(found)


def _on_tape(model: Sequential, x: np.ndarray, tape: NoisyTape) -> np.ndarray:
    holders = {**model.named_parameters(), **model.named_buffers()}
    arrays = on_host({name: holder.peek() for name, holder in holders.items()})
    entered = {name: tape.enter(array) for name, array in arrays.items()}
    with undone({"": model}), skip_value_checks(), held(holders, entered):
        return model.forward(tape.enter(x)).array
