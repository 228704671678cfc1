"""A forward pass under a tape: it must change nothing of the model, and draw no numbers."""

from collections.abc import Callable, Sequence
from typing import Any

from portanet.checks import skip_value_checks
from portanet.compiler.errors import TraceError
from portanet.compiler.graph.simplify import without_dead, without_repetition
from portanet.compiler.guards.guards import difference, survey_of
from portanet.compiler.tracing.chance import ChanceWatch
from portanet.compiler.tracing.rollback import undone
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.verification.host_run import held
from portanet.parameter import Holder
from portanet.sequential import Sequential
from portanet.typing import Array


def holders_of(model: Sequential) -> list[tuple[Holder, Array]]:
    """Return a model's parameters and buffers, each with its array."""
    holders = [*model.parameters(), *model.named_buffers().values()]
    return [(holder, holder.peek()) for holder in holders]


def trace_pass(
    model: Sequential,
    tape: Tape,
    holders: Sequence[tuple[Holder, Array]],
    compute: Callable[[], dict[str, Any]],
) -> None:
    """Write down what compute() does with the model; its results are the graph's.

    Raises TraceError if it changes the model or draws numbers.
    """
    before = survey_of({"": model}, set())
    chance = ChanceWatch(before.streams)
    named = {f"held:{i}": holder for i, (holder, _) in enumerate(holders)}
    arrays = {f"held:{i}": tape.state(f"held:{i}", a) for i, (_, a) in enumerate(holders)}
    try:
        with undone({"": model}), skip_value_checks():
            with held(named, arrays):
                results = compute()
            changed = difference(before.facts, survey_of({"": model}, set()).facts)
            if changed != "nothing":
                raise TraceError(f"a pass changes the model: {changed}")
            chance.check()
        if tape.graph.hosts:
            raise TraceError("a pass draws random numbers")
        if tape.failed is not None:
            raise TraceError(tape.failed)
        for name, tracer in results.items():
            tape.result(name, tracer)
    finally:
        tape.close()
    without_repetition(tape.graph)
    without_dead(tape.graph)
