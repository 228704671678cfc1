"""The optimizer's part of a step: parameters that one rule moves alike lie in one vector.

A rule is written for one parameter. Where it treats every number alone (SGD, Adam, but not Muon's
matrices) it can as well be given all its parameters end to end, as one long vector: one pass over
memory in place of one for each. Whether it does is read off its traced operations, never assumed.
"""

from functools import partial
from typing import Any

from portanet.compiler.tracing.flat_update import trace_flat_update
from portanet.compiler.tracing.number_by_number import treats_numbers_alone
from portanet.compiler.tracing.rule_group import RuleGroup
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.groups import Numbers
from portanet.joined import joined_sums, present_share
from portanet.optimizer import Optimizer
from portanet.typing import Array


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
    if present_share() is not None:
        grads = joined_sums(grads)
        for name, total in grads.items():
            tape.result(f"joined:{name}", total)
    ok, grads = optimizer.may_move(grads), optimizer.clipped(grads)
    for group in groups:
        if group.flat is not None:
            xp = tape.namespace
            trace_flat_update(tape, group, [xp.reshape(grads[n], (-1,)) for n in group.names], ok)
        else:
            _move_each(tape, group, grads, ok)


def _move_each(tape: Tape, group: RuleGroup, grads: dict[str, Any], ok: Any) -> None:
    scalars = group.host_scalars()
    for name in group.names:
        slots = {key: group.slots[f"{name}/{key}"] for key in group.slot_names[name]}
        value, slots = group.rule.update_if(ok, group.values[name], grads[name], slots, scalars)
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
    if treats_numbers_alone(tape, group, arrays, slots):
        group.flat = _vector(tape, f"flat:{group.number}", arrays)
        group.values = views(group.flat, arrays)
        for key in next(iter(slots.values())):
            of_slot = {name: slots[name][key] for name in arrays}
            group.slots[key] = _vector(tape, f"flat:{group.number}/{key}", of_slot)
        return
    for name, array in arrays.items():
        group.values[name] = tape.state(name, array)
        for key, slot in slots[name].items():
            group.slots[f"{name}/{key}"] = tape.state(f"{name}/{key}", slot)


def _vector(tape: Tape, name: str, arrays: dict[str, Array]) -> Tracer:
    """Return the state that arrays lie in end to end; its tracer's numbers are none of theirs."""
    first, n = next(iter(arrays.values())), sum(array.size for array in arrays.values())
    return tape.state(name, tape.backend.xp.empty((n,), dtype=first.dtype, device=first.device))


def views(flat: Tracer, arrays: dict[str, Array]) -> dict[str, Tracer]:
    """Return each array's tracer: a piece of the vector in the array's shape."""
    found, start, xp = {}, 0, flat.tape.backend.xp
    for name, array in arrays.items():
        part, shape = slice(start, start + array.size), tuple(array.shape)
        start = part.stop
        piece = partial(_piece, xp, part, shape)
        found[name] = flat.tape.view(flat, name, piece, array)
    return found


def _piece(xp: Any, part: slice, shape: tuple[int, ...], vector: Any) -> Any:
    return xp.reshape(vector[part], shape)
