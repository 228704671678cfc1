"""A step of training as a graph: the unchanged layers and the unchanged rule, traced.

While a step is traced, parameters, buffers and slots hold tracers. Afterwards everything is put
back as it was, random streams included: a trace is a rehearsal, and the step is then taken as it is
written.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from portanet.backends import backend_of
from portanet.checks import skip_value_checks
from portanet.compiler.errors import TraceError, UnsettledError
from portanet.compiler.graph.collector import without_collector
from portanet.compiler.graph.order import free_soon
from portanet.compiler.graph.simplify import without_dead, without_repetition
from portanet.compiler.guards.guards import survey_of
from portanet.compiler.guards.survey import Attribute, Survey
from portanet.compiler.tracing.call_site import CallSite
from portanet.compiler.tracing.chance import ChanceWatch
from portanet.compiler.tracing.left_behind import left_behind
from portanet.compiler.tracing.live_numbers import NOT_GUARDED, live_numbers
from portanet.compiler.tracing.optimizer_rules import rule_groups, trace_rules
from portanet.compiler.tracing.passes import forward_and_backward, refuse_assigned, swapped
from portanet.compiler.tracing.rollback import undone
from portanet.compiler.tracing.rule_group import RuleGroup
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.traced_reduction import TracedReduction
from portanet.joined import present_share, sharing
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.several import Arrays, parts_of
from portanet.versioned import LATEST


@dataclass
class Trace:
    """A traced step.

    groups      the parameters that one rule moves alike, and where they lie together
    values      each parameter's tracer
    attributes  arrays that the step leaves in layers: (part, attribute, the result's name)
    ignored     attributes that differ from step to step without harm: draws count in them
    counted     the attributes that the draws of a step change: (dict of the object, name)
    n_changes   by how much the draws of a step advance the version number
    y_hat_shape the shape of the model's output, or of each of several
    moves       whether the step moves parameters, or only adds gradients to those that wait
    """

    tape: Tape
    groups: list[RuleGroup] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    attributes: list[tuple[Part, str, str]] = field(default_factory=list)
    ignored: set[Attribute] = field(default_factory=set)
    counted: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    n_changes: int = 0
    y_hat_shape: Any = ()
    moves: bool = True


@without_collector()
def trace_step(
    model: Sequential,
    optimizer: Optimizer,
    x: Arrays,
    y: Arrays,
    same_memory: Callable[[Any, Any], bool],
) -> Trace:
    """Return the graph of one training step on a batch.

    Raises TraceError where there is none, and whatever else the step raises under tracers.
    """
    tape = Tape(backend_of(parts_of(x)[0]), same_memory)
    rates = {f"lr {i}": rule.lr for i, rule in enumerate(optimizer.rules)}
    try:
        with undone({"": model, "optimizer": optimizer, **rates}), skip_value_checks():
            return _Tracing(tape, model, optimizer).run(x, y)
    finally:
        tape.close()


class _Tracing:
    def __init__(self, tape: Tape, model: Sequential, optimizer: Optimizer) -> None:
        self.tape, self.model, self.optimizer = tape, model, optimizer
        self.named, self.trace = model.named_parts(), Trace(tape)
        live = {(id(rule), key) for rule in optimizer.rules for key in NOT_GUARDED}
        self.trace.ignored = live
        self.before = self.survey()
        self.chance = ChanceWatch(self.before.streams)

    def survey(self) -> Survey:
        """Return all that the step may read, arrays with all their numbers."""
        roots = {"": self.model, "optimizer": self.optimizer}
        return survey_of(roots, self.trace.ignored, largest=inf)

    def run(self, x: Arrays, y: Arrays) -> Trace:
        self._run(x, y)
        graph = self.tape.graph
        without_repetition(graph)
        without_dead(graph)
        free_soon(graph)
        self.tape.forget_arrays()
        return self.trace

    def _run(self, x: Arrays, y: Arrays) -> None:
        if self.optimizer.model is not self.model:
            raise TraceError("the optimizer was made for another model than the step's")
        tape, trace = self.tape, self.trace
        tape.place_at_work = CallSite({id(part): name for name, part in self.named.items()})
        tape.around_draw = self._watched_draw
        trace.groups, by_scalars = self._rule_groups()
        trace.values = {name: v for group in trace.groups for name, v in group.values.items()}
        share = self._traced_share()
        with swapped(tape, self.model, trace.values) as (parameters, buffers), sharing(share):
            trace.y_hat_shape = forward_and_backward(tape, self.model, x, y)
            grads = {name: p.grad for name, p in parameters.items() if p.grad is not None}
            for name, grad in grads.items():
                tape.result(f"grad:{name}", grad)
            refuse_assigned(parameters, trace.values)
            for name, buffer in buffers.items():
                tape.update(name, buffer.value)
            waiting = self.optimizer.n_accumulated
            trace.moves = waiting + 1 >= self.optimizer.accumulate
            with live_numbers(self.optimizer, by_scalars):
                trace_rules(tape, self.optimizer, trace.groups, grads, waiting)
            trace.attributes = left_behind(tape, self.model, self.before)
        if tape.failed is not None:
            raise TraceError(tape.failed)
        if share is not None:
            share.reduce.operation.rehearses = False
        trace.ignored |= {(id(part), key) for part, key, _ in trace.attributes}
        self.chance.check()
        self._refuse_changes()

    def _traced_share(self) -> Any:
        """Return this rank's share of the batch, whose sums over all ranks are written down."""
        share = present_share()
        return None if share is None else share.reducing(TracedReduction(self.tape, share))

    def _rule_groups(self) -> tuple[list[RuleGroup], set[Attribute]]:
        """Return the groups, and the attributes of rules that computing their numbers changes."""
        self.optimizer.follow()
        roots = {"optimizer": self.optimizer}  # what its rules' code reads is reached from there
        before = survey_of(roots, self.trace.ignored, largest=inf)
        numbers = self.optimizer.numbers(self.optimizer.trainable())
        changed = _changed(before, survey_of(roots, self.trace.ignored, largest=inf))
        by_scalars = {before.attributes[name] for name in changed if name in before.attributes}
        self.trace.ignored |= by_scalars
        return rule_groups(self.tape, self.optimizer, numbers), by_scalars

    def _watched_draw(self, draw: Callable[[], Any]) -> Any:
        """Draw, and note which attributes count the draws."""
        self.chance.check()
        before, version = self.survey(), LATEST[0]
        drawn = draw()
        self.trace.n_changes += LATEST[0] - version
        now = self.survey()
        for name in _changed(before, now):
            attribute = now.attributes.get(name)
            if attribute is not None and attribute not in self.trace.ignored:
                self.trace.ignored.add(attribute)
                self.trace.counted.append((now.dicts[attribute[0]], attribute[1]))
        self.chance.look()
        return drawn

    def _refuse_changes(self) -> None:
        """Raise UnsettledError if the step changes attributes: what reads them would be frozen."""
        ignored = self.trace.ignored
        before, now = self.before, self.survey()
        for name in _changed(before, now):
            attribute = before.attributes.get(name) or now.attributes.get(name)
            if attribute not in ignored and name not in before.below(ignored):
                raise UnsettledError(
                    f"{name} changes from step to step; what is drawn or counted on the host must "
                    "come from portanet.dispatch.from_host"
                )


def _changed(before: Survey, now: Survey) -> list[str]:
    """Return the names of the facts in which two surveys differ."""
    names = dict.fromkeys([*before.facts, *now.facts])
    return [name for name in names if before.facts.get(name) != now.facts.get(name)]
