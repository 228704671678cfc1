"""A step of training as a graph: the unchanged layers and the unchanged rule, traced.

While a step is traced, parameters, buffers and slots hold tracers. Afterwards everything is put
back as it was, whatever happened in between; what the step has computed is in the tape.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from portanet.backends import backend_of
from portanet.checks import skip_value_checks
from portanet.compiler.errors import TraceError, UnsettledError
from portanet.compiler.graph.graph import without_dead, without_repetition
from portanet.compiler.graph.order import free_soon
from portanet.compiler.runtime.guards import Attribute, Same, attributes, changed, plain_attributes
from portanet.compiler.tracing.call_site import place_at_work
from portanet.compiler.tracing.optimizer_rules import RuleGroup, rule_groups, trace_rules
from portanet.compiler.tracing.rollback import undone_on_error
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.layer import Buffer, Parameter, Part, Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array
from portanet.versioned import Versioned


@dataclass
class Trace:
    """A traced step.

    groups      the parameters that one rule moves alike, and where they lie together
    attributes  arrays that the step leaves in layers: (part, attribute, the result's name)
    counters    attributes that draws on the host change: they differ from step to step
    n_changes   how many attributes draws on the host assign to in a step
    """

    tape: Tape
    groups: list[RuleGroup] = field(default_factory=list)
    attributes: list[tuple[Part, str, str]] = field(default_factory=list)
    counters: set[Attribute] = field(default_factory=set)
    n_changes: int = 0


def trace_step(
    model: Sequential,
    optimizer: Optimizer,
    x: Array,
    y: Array,
    same_memory: Callable[[Any, Any], bool],
) -> Trace:
    """Return the graph of one training step on a batch.

    Raises TraceError where there is none, and whatever else the step raises under tracers; then
    the model is as it was, streams of chance included.
    """
    tape = Tape(backend_of(x), same_memory)
    try:
        with undone_on_error(model), skip_value_checks():
            return _traced(tape, model, optimizer, x, y)
    finally:
        tape.close()


def _traced(tape: Tape, model: Sequential, optimizer: Optimizer, x: Array, y: Array) -> Trace:
    named, trace = model.named_parts(), Trace(tape)
    tape.place_at_work = _finder(named)
    tape.around_draw = lambda draw: _watched_draw(draw, named, trace)
    before = attributes(named), plain_attributes(named)
    trace.groups = rule_groups(tape, optimizer)
    with _swapped(tape, model, trace.groups) as (parameters, buffers):
        _forward_and_backward(tape, model, x, y)
        grads = {name: p.grad for name, p in parameters.items() if p.grad is not None}
        for name, grad in grads.items():
            tape.result(f"grad:{name}", grad)
        for name, buffer in buffers.items():
            tape.update(name, buffer.value)
        trace_rules(tape, optimizer, trace.groups, grads)
        trace.attributes = _left_behind(tape, model, before[0])
    _refuse_counters(*before, trace, named)
    without_repetition(tape.graph)
    without_dead(tape.graph)
    free_soon(tape.graph)
    return trace


def _forward_and_backward(tape: Tape, model: Sequential, x: Array, y: Array) -> None:
    """Run the readable step up to the gradients; the losses are added to those of the epoch."""
    tx, ty = tape.leaf("input", x, "x"), tape.leaf("input", y, "y")
    tape.graph.inputs |= {"x": tx.traced, "y": ty.traced}
    xp, criterion = tape.namespace, model.criterion
    losses = criterion.forward(model.forward(tx, training=True), ty, training=True)
    model.backward()
    weights = criterion.weight_of(ty)
    tape.result("losses", losses)
    _add_up(tape, "total:loss", xp.sum(losses))
    if weights is not None:
        _add_up(tape, "total:weight", xp.sum(weights))


def _add_up(tape: Tape, name: str, number: Any) -> None:
    zero = tape.backend.xp.zeros_like(number.array)
    tape.update(name, tape.state(name, zero) + number)


@contextmanager
def _swapped(
    tape: Tape, model: Part, groups: list[RuleGroup]
) -> Iterator[tuple[dict[str, Parameter], dict[str, Buffer]]]:
    """Let parameters and buffers hold tracers; put back at the end what they held."""
    parameters, buffers = model.named_parameters(), model.named_buffers()
    values = [(p, p.value, p.grad) for p in parameters.values()]
    kept = [(b, b.value) for b in buffers.values()]
    try:
        in_groups = {name: v for group in groups for name, v in group.values.items()}
        for name, p in parameters.items():
            traced = in_groups[name] if name in in_groups else tape.state(name, p.value)
            p.value, p.grad = traced, None
        for name, b in buffers.items():
            b.value = tape.state(name, b.value)
        yield parameters, buffers
    finally:
        for p, value, grad in values:
            p.value, p.grad = value, grad
        for b, value in kept:
            b.value = value
        for part in model.named_parts().values():
            part._saved = None


def _left_behind(
    tape: Tape, model: Part, before: dict[Attribute, Any]
) -> list[tuple[Part, str, str]]:
    """Make results of the arrays that the step has left in attributes, such as memory_grad."""
    found = []
    for name, part in model.named_parts().items():
        for attribute, held in list(vars(part).items()):
            if isinstance(held, Tracer):
                _refuse_memory(tape, part, attribute, before)
                result = f"attribute:{name}.{attribute}"
                tape.result(result, held)
                found.append((part, attribute, result))
                vars(part)[attribute] = held.array
            elif attribute != "_saved" and _holds_tracer(held):
                raise TraceError(
                    f"{type(part).__name__}.{attribute} keeps arrays of a step in a list, a dict "
                    "or an object"
                )
    return found


def _refuse_memory(tape: Tape, part: Part, attribute: str, before: dict[Attribute, Any]) -> None:
    """Raise TraceError if a step has read what an attribute held, and has replaced it."""
    held = before.get((id(part), attribute))
    if isinstance(held, Same) and tape.has_read(held.it):
        raise TraceError(
            f"{type(part).__name__}.{attribute} carries an array from step to step; what does "
            "must be a Buffer"
        )


def _holds_tracer(item: Any, depth: int = 0) -> bool:
    if isinstance(item, Tracer):
        return True
    if isinstance(item, Part | Parameter | Buffer | type) or depth > 4:
        return False
    if isinstance(item, dict):
        item = item.values()
    elif hasattr(item, "__dict__"):
        item = vars(item).values()
    elif not isinstance(item, list | tuple | set):
        return False
    return any(_holds_tracer(part, depth + 1) for part in item)


def _finder(named: dict[str, Part]) -> Callable[[], str]:
    names = {id(part): name for name, part in named.items()}
    return lambda: place_at_work(names)


def _watched_draw(draw: Callable[[], Any], named: dict[str, Part], trace: Trace) -> Any:
    """Draw, and note which attributes count the draws."""
    before, n_changes = plain_attributes(named), Versioned.version
    drawn = draw()
    trace.n_changes += Versioned.version - n_changes
    trace.counters |= changed(before, plain_attributes(named))
    return drawn


def _refuse_counters(
    before: dict[Attribute, Any],
    plain_before: dict[Attribute, Any],
    trace: Trace,
    named: dict[str, Part],
) -> None:
    """Raise UnsettledError if the step changes attributes: what depends on them would be frozen."""
    found = changed(before, attributes(named)) | changed(plain_before, plain_attributes(named))
    found -= trace.counters | {(id(part), attribute) for part, attribute, _ in trace.attributes}
    for key in sorted(found):
        part = next(p for p in named.values() if id(p) == key[0])
        raise UnsettledError(
            f"{type(part).__name__}.{key[1]} changes from step to step; what is drawn or counted "
            "on the host must come from portanet.dispatch.from_host"
        )
