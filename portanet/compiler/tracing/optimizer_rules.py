"""The optimizer's part of a step: parameters that one rule moves alike lie in one vector.

A rule is written for one parameter. Where it treats every number alone (SGD, Adam, but not Muon's
matrices) it can as well be given all its parameters end to end, as one long vector: one pass over
memory in place of one for each. Whether it does is read off its traced operations, never assumed.
"""

from dataclasses import dataclass, field
from typing import Any

from portanet.compiler.graph.graph import Node, Value, replaced
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.operations import ELEMENTWISE
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.groups import Numbers
from portanet.optimizer import Optimizer
from portanet.typing import Array

_SOME = 3  # numbers of a vector that stands for all parameters: what is done to each is the same


@dataclass
class RuleGroup:
    """Parameters that share a rule and an age.

    flat    the vector that they lie in, end to end; None where the rule needs their shapes
    values  each parameter's tracer: where flat is not None, a view of it
    slots   the vector of each slot, or each parameter's: {"m": …} or {"layers.0.bias/m": …}
    """

    rule: Any
    age: int
    scalars: dict[str, float]
    names: list[str]
    number: int
    flat: Tracer | None = None
    values: dict[str, Tracer] = field(default_factory=dict)
    slots: dict[str, Tracer] = field(default_factory=dict)
    sums: dict[str, Tracer] = field(default_factory=dict)
    slot_names: dict[str, list[str]] = field(default_factory=dict)

    def without_arrays(self) -> "RuleGroup":
        """Return what a replay needs to know."""
        kept = RuleGroup(self.rule, self.age, {}, self.names, self.number)
        kept.slot_names = self.slot_names
        return kept

    def host_scalars(self) -> dict[str, HostScalar]:
        """Return the numbers of a step; numbers[self.number] has them when it is replayed."""
        number = self.number

        def scalar(key: str, value: float) -> HostScalar:
            return HostScalar((number, key), value, lambda numbers: numbers[number][key])

        return {key: scalar(key, value) for key, value in self.scalars.items()}


def rule_groups(tape: Tape, optimizer: Optimizer, numbers: Numbers) -> list[RuleGroup]:
    """Return the groups of an optimizer's parameters, with tracers of their values and slots.

    `numbers` holds each parameter's rule, age and scalars.
    """
    parameters = optimizer.trainable()
    together: dict[Any, RuleGroup] = {}
    for name, (rule, age, scalars) in numbers.items():
        new = RuleGroup(rule, age, scalars, [], len(together))
        together.setdefault((id(rule), age), new).names.append(name)
    for group in together.values():
        arrays = {name: parameters[name].value for name in group.names}
        slots = {name: _slots(optimizer, group.rule, name, arrays[name]) for name in arrays}
        sums = _sums(tape, optimizer, arrays) if optimizer.accumulate > 1 else {}
        _make_leaves(tape, group, arrays, slots, sums)
    return list(together.values())


def trace_rules(
    tape: Tape,
    optimizer: Optimizer,
    groups: list[RuleGroup],
    grads: dict[str, Any],
    n_accumulated: int,
) -> None:
    """Trace what the optimizer does with the gradients: add up, clip, move.

    n_accumulated is how many gradients wait already.
    """
    names = [name for group in groups for name in group.names]
    grads = {name: grads[name] for name in names}
    if optimizer.accumulate > 1:
        grads = _accumulated(groups, grads, n_accumulated)
        if n_accumulated + 1 < optimizer.accumulate:
            for name, total in grads.items():
                tape.update(f"{name}/+", total)
            return
        grads = {name: total / optimizer.accumulate for name, total in grads.items()}
    grads = optimizer.clipped(grads)
    for group in groups:
        if group.flat is not None:
            _move_together(tape, group, grads)
        else:
            _move_each(tape, group, grads)


def _move_together(tape: Tape, group: RuleGroup, grads: dict[str, Any]) -> None:
    xp = tape.namespace
    flat_grad = xp.concat([xp.reshape(grads[name], (-1,)) for name in group.names])
    value, slots = group.rule.update(group.flat, flat_grad, group.slots, group.host_scalars())
    tape.update(f"flat:{group.number}", value)
    for key, slot in slots.items():
        tape.update(f"flat:{group.number}/{key}", slot)


def _move_each(tape: Tape, group: RuleGroup, grads: dict[str, Any]) -> None:
    scalars = group.host_scalars()
    for name in group.names:
        slots = {key: group.slots[f"{name}/{key}"] for key in group.slot_names[name]}
        value, slots = group.rule.update(group.values[name], grads[name], slots, scalars)
        tape.update(name, value)
        for key, slot in slots.items():
            tape.update(f"{name}/{key}", slot)


def _accumulated(
    groups: list[RuleGroup], grads: dict[str, Any], n_accumulated: int
) -> dict[str, Any]:
    """Return the gradients added to the sums of those before; the first of a round starts them."""
    if not n_accumulated:
        return grads
    sums = {name: s for group in groups for name, s in group.sums.items()}
    return {name: sums[name] + grad for name, grad in grads.items()}


def _slots(optimizer: Optimizer, rule: Any, name: str, value: Array) -> dict[str, Array]:
    return dict(optimizer.memory.slots.get(name) or rule.init(value))


def _sums(tape: Tape, optimizer: Optimizer, arrays: dict[str, Array]) -> dict[str, Array]:
    zeros = tape.backend.xp.zeros_like
    return {name: optimizer.memory.sums.get(name, zeros(value)) for name, value in arrays.items()}


def _make_leaves(
    tape: Tape,
    group: RuleGroup,
    arrays: dict[str, Array],
    slots: dict[str, dict[str, Array]],
    sums: dict[str, Array],
) -> None:
    """Fill in a group's tracers: of vectors if its rule may see its parameters end to end."""
    group.slot_names = {name: list(own) for name, own in slots.items()}
    group.sums = {name: tape.state(f"{name}/+", array) for name, array in sums.items()}
    if _treats_numbers_alone(tape, group, arrays, slots):
        group.flat = tape.state(f"flat:{group.number}", end_to_end(tape, arrays.values()))
        group.values = views(group.flat, arrays)
        for key in next(iter(slots.values())):
            together = end_to_end(tape, [slots[name][key] for name in arrays])
            group.slots[key] = tape.state(f"flat:{group.number}/{key}", together)
        return
    for name, array in arrays.items():
        group.values[name] = tape.state(name, array)
        for key, slot in slots[name].items():
            group.slots[f"{name}/{key}"] = tape.state(f"{name}/{key}", slot)


def end_to_end(tape: Tape, arrays: Any) -> Array:
    """Return arrays as one vector."""
    xp = tape.backend.xp
    return xp.concat([xp.reshape(array, (-1,)) for array in arrays])


def views(flat: Tracer, arrays: dict[str, Array]) -> dict[str, Tracer]:
    """Return each array's tracer: a piece of the vector in the array's shape."""
    found, start, xp = {}, 0, flat.tape.backend.xp
    for name, array in arrays.items():
        part, shape = slice(start, start + array.size), tuple(array.shape)
        start = part.stop
        found[name] = flat.tape.view(
            flat, name, lambda v, part=part, shape=shape: xp.reshape(v[part], shape)
        )
    return found


def _treats_numbers_alone(
    tape: Tape, group: RuleGroup, arrays: dict[str, Array], slots: dict[str, dict[str, Array]]
) -> bool:
    """Return whether the rule does the same, number by number, to all of a group's parameters."""
    first = next(iter(arrays.values()))
    if not tape.same_memory(first, first):
        return False  # no piece of a vector can show the vector's memory: JAX
    names = [list(own) for own in slots.values()]
    if names.count(names[0]) != len(names):
        return False
    shapes = {}
    for name, array in arrays.items():
        shapes.setdefault(tuple(array.shape), (array, slots[name]))
    vector = tape.backend.xp.zeros((_SOME,), dtype=first.dtype, device=first.device)
    wanted = _operations(tape, group, vector, dict.fromkeys(names[0], vector))
    return wanted is not None and all(
        _operations(tape, group, array, own) == wanted for array, own in shapes.values()
    )


def _operations(tape: Tape, group: RuleGroup, value: Array, slots: dict[str, Array]) -> Any:
    """Return what a rule does to one parameter, in comparable form; None if not number by number.

    It is traced on a tape of its own.
    """
    scratch = Tape(tape.backend, tape.same_memory)
    leaves = {"value": scratch.leaf("state", value), "grad": scratch.leaf("state", value)}
    of_slots = {key: scratch.leaf("state", slot) for key, slot in slots.items()}
    try:
        result, new = group.rule.update(*leaves.values(), of_slots, group.host_scalars())
    except (KeyError, IndexError, ValueError, TypeError):  # a rule for matrices, shown a vector
        return None
    shape = tuple(value.shape)
    names = {id(t.traced): key for key, t in (leaves | of_slots).items()}
    steps = []
    for i, node in enumerate(scratch.graph.nodes):
        if node.op not in ELEMENTWISE or node.output.shape != shape:
            return None
        names[id(node.output)] = str(i)
        steps.append((node.op, _comparable(node, names)))
    outputs = {"value": result, **new}
    return steps, {key: names.get(id(scratch.tracer_of(t).traced)) for key, t in outputs.items()}


def _comparable(node: Node, names: dict[int, str]) -> str:
    def name(x: Any) -> Any:
        if isinstance(x, HostScalar):
            return ("scalar", repr(x.key))
        if id(x) in names:
            return ("value", names[id(x)])
        return ("constant", x.array.tolist() if x.array.size == 1 else "many")

    return repr(replaced((node.args, node.options), name, (Value, HostScalar)))
