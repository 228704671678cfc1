"""A step of training as a graph: the unchanged layers and the unchanged rule, traced.

While a step is traced, parameters, buffers and slots hold tracers. Afterwards everything is put
back as it was, whatever happened in between; what the step has computed is in the tape.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from portanet.backends import backend_of
from portanet.checks import values_trusted
from portanet.compiler.errors import TraceError
from portanet.compiler.graph import without_dead, without_repetition
from portanet.compiler.places import place_at_work
from portanet.compiler.rules import RuleGroup, rule_groups, trace_rules
from portanet.compiler.signature import plain_attributes
from portanet.compiler.tape import Tape
from portanet.compiler.tracer import Tracer
from portanet.layer import Buffer, Parameter, Part, Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array

Counter = tuple[int, str]  # the id of a part and the name of an attribute


@dataclass
class Trace:
    """A traced step.

    groups      the parameters that one rule moves alike, and where they lie together
    attributes  arrays that the step leaves in layers: (part, attribute, the result's name)
    counters    attributes that draws on the host change: they differ from step to step
    """

    tape: Tape
    groups: list[RuleGroup]
    attributes: list[tuple[Part, str, str]] = field(default_factory=list)
    counters: set[Counter] = field(default_factory=set)


def trace_step(
    model: Sequential,
    optimizer: Optimizer,
    x: Array,
    y: Array,
    same_memory: Callable[[Any, Any], bool],
    drawn: list[Any],
) -> Trace:
    """Return the graph of one training step on a batch. Raises TraceError where there is none.

    What the step draws on the host is added to `drawn`.
    """
    tape = Tape(backend_of(x), same_memory)
    tape.draws = drawn
    named = model.named_parts()
    tape.place_at_work = _finder(named)
    trace = Trace(tape, rule_groups(tape, optimizer))
    tape.around_draw = lambda draw: _watched_draw(draw, named, trace.counters)
    before = plain_attributes(named)
    with values_trusted(), _swapped(tape, model, trace.groups) as (parameters, buffers):
        _forward_and_backward(tape, model, x, y)
        grads = {name: p.grad for name, p in parameters.items() if p.grad is not None}
        for name, grad in grads.items():
            tape.result(f"grad:{name}", grad)
        for name, buffer in buffers.items():
            tape.update(name, buffer.value)
        trace_rules(tape, optimizer, trace.groups, grads)
        trace.attributes = _left_behind(tape, model)
    _refuse_counters(before, plain_attributes(named), trace.counters, named)
    without_repetition(tape.graph)
    without_dead(tape.graph)
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


def _left_behind(tape: Tape, model: Part) -> list[tuple[Part, str, str]]:
    """Make results of the arrays that the step has left in attributes, such as memory_grad."""
    found = []
    for name, part in model.named_parts().items():
        for attribute, held in list(vars(part).items()):
            if isinstance(held, Tracer):
                result = f"attribute:{name}.{attribute}"
                tape.result(result, held)
                found.append((part, attribute, result))
                setattr(part, attribute, held.array)
            elif attribute != "_saved" and _holds_tracer(held):
                raise TraceError(
                    f"{type(part).__name__} keeps arrays of a step in a list or dict, .{attribute}"
                )
    return found


def _holds_tracer(item: Any) -> bool:
    if isinstance(item, Tracer):
        return True
    if isinstance(item, dict):
        item = list(item.values())
    return isinstance(item, list | tuple | set) and any(map(_holds_tracer, item))


def _finder(named: dict[str, Part]) -> Callable[[], str]:
    names = {id(part): name for name, part in named.items()}
    return lambda: place_at_work(names)


def _watched_draw(draw: Callable[[], Any], named: dict[str, Part], counters: set[Counter]) -> Any:
    """Draw, and note which attributes count the draws."""
    before = plain_attributes(named)
    drawn = draw()
    counters |= _changed(before, plain_attributes(named))
    return drawn


def _refuse_counters(
    before: dict[Counter, Any],
    after: dict[Counter, Any],
    counters: set[Counter],
    named: dict[str, Part],
) -> None:
    """Raise TraceError if a layer counts its steps: what depends on the count would be frozen."""
    for key in sorted(_changed(before, after) - counters):
        part = next(p for p in named.values() if id(p) == key[0])
        raise TraceError(
            f"{type(part).__name__}.{key[1]} changes from step to step; what is drawn or counted "
            "on the host must come from portanet.dispatch.from_host"
        )


def _changed(before: dict[Counter, Any], after: dict[Counter, Any]) -> set[Counter]:
    keys = before.keys() | after.keys()
    return {key for key in keys if before.get(key, key) != after.get(key, key)}
