"""Whether a rule does the same to every number of a parameter, whatever the parameter's shape.

It is read off the operations of its `update`, traced for each shape and for a short vector.
"""

from typing import Any

from portanet.backends import array_namespace
from portanet.compiler.graph.graph import Node, Value, replaced
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.operations import ELEMENTWISE
from portanet.compiler.tracing.rule_group import RuleGroup
from portanet.compiler.tracing.tape import Tape
from portanet.typing import Array

_SOME = 3  # numbers of a vector that stands for all parameters: what is done to each is the same


def treats_numbers_alone(
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
    vector = short_vector(tape, first.dtype, first.device)
    wanted = _operations(tape, group, vector, dict.fromkeys(names[0], vector))
    return wanted is not None and all(
        _operations(tape, group, array, own) == wanted for array, own in shapes.values()
    )


def short_vector(tape: Tape, dtype: Any, device: Any) -> Array:
    """Return a vector of a few zeros, which stands for all parameters of a group."""
    return tape.backend.xp.zeros((_SOME,), dtype=dtype, device=device)


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
        return ("constant", _one_number(x.array))

    return repr(replaced((node.args, node.options), name, (Value, HostScalar)))


def _one_number(array: Array) -> Any:
    """Return the number that a constant consists of; one of several is the same as no other."""
    xp = array_namespace(array)
    first = xp.reshape(array, (-1,))[:1]
    return first.tolist() if bool(xp.all(array == first)) else id(array)
