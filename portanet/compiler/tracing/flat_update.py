"""A rule's operations on the one vector of all its parameters, traced on a short vector.

What a rule does to each number does not depend on how many there are (number_by_number.py has seen
to that). So nothing is computed with millions of numbers only to be written down: the rule is
traced for a few, and each operation then gets the length of the whole vector.
"""

from typing import Any

from portanet.compiler.errors import TraceError
from portanet.compiler.graph.graph import Node, Value, replaced, value_like
from portanet.compiler.tracing.number_by_number import short_vector
from portanet.compiler.tracing.rule_group import RuleGroup
from portanet.compiler.tracing.tape import Tape
from portanet.compiler.tracing.tracer import Tracer
from portanet.typing import Array


def trace_flat_update(tape: Tape, group: RuleGroup, grads: list[Tracer], ok: Any) -> None:
    """Write down what a rule makes of its group's vectors; `grads` are vectors, too.

    `ok` is a boolean on the device, see Rule.update_if, or None.
    """
    flat: Any = group.flat
    states = {"value": flat.traced, **{key: t.traced for key, t in group.slots.items()}}
    whole = {**states, "grad": _end_to_end(tape, grads, flat.array)}
    sample = Tape(tape.backend, tape.same_memory)
    sample.place_at_work = tape.place_at_work
    leaves = {
        key: sample.leaf("state", short_vector(tape, v.dtype, flat.array.device))
        for key, v in whole.items()
    }
    slots = {key: leaves[key] for key in group.slots}
    own_ok, scalars = None if ok is None else sample.leaf("state", ok.array), group.host_scalars()
    value, grad = leaves["value"], leaves["grad"]
    value, slots = group.rule.update_if(own_ok, value, grad, slots, scalars)
    if sample.failed is not None:
        tape.fail(sample.failed)
    lengthening = _Lengthening(tape, flat.array)
    lengthening.known = {id(leaves[key].traced): v for key, v in whole.items()}
    if own_ok is not None and ok is not None:
        lengthening.known[id(own_ok.traced)] = ok.traced
    tape.graph.nodes += map(lengthening.node, sample.graph.nodes)
    for key, new in {"value": value, **slots}.items():
        tape.graph.updates[states[key].name] = lengthening.value(sample.tracer_of(new).traced)


def _end_to_end(tape: Tape, vectors: list[Tracer], like: Array) -> Value:
    """Write down that vectors are put end to end; return the whole one, which looks like `like`."""
    known = _whole([vector.traced for vector in vectors])
    if known is not None:
        return known
    args = ([vector.traced for vector in vectors],)
    node = Node("concat", tape.backend.xp.concat, args, {}, place=tape.place_at_work())
    node.outputs.append(value_like("node", like, node=node))
    tape.graph.nodes.append(node)
    return node.output


def _whole(vectors: list[Value]) -> Value | None:
    """Return the vector whose pieces these are, all of them and in order: sums over ranks are."""
    found, start = None, 0
    for vector in vectors:
        node = vector.node
        while node is not None and node.op == "reshape":
            node = node.args[0].node
        if (
            node is None
            or node.op != "getitem"
            or node.args[1] != slice(start, start + vector.size)
        ):
            return None
        source, start = node.args[0], start + vector.size
        if found not in (None, source) or source.shape != (source.size,):
            return None
        found = source
    return found if found is not None and found.size == start else None


class _Lengthening:
    """Operations on short vectors as operations on whole ones, which look like `like`.

    known  the whole vectors, by the ids of the values that stand for them
    """

    def __init__(self, tape: Tape, like: Array) -> None:
        self._xp, self._shape, self._like = tape.backend.xp, tuple(like.shape), like
        self.known: dict[int, Value] = {}

    def node(self, short: Node) -> Node:
        """Return an operation on the whole vectors."""
        args, options = replaced((short.args, short.options), self.value, (Value,))
        node, output = (
            Node(short.op, short.function, args, options, place=short.place),
            short.output,
        )
        strides = tuple(output.dtype.itemsize if n > 1 else 0 for n in self._shape)
        base = None if output.base is None else self.value(output.base)
        whole = Value("node", self._shape, output.dtype, strides, node=node, base=base)
        node.outputs.append(whole)
        self.known[id(output)] = whole
        return node

    def value(self, short: Value) -> Value:
        """Return the whole vector that a value stands for; a constant is the same everywhere."""
        if id(short) not in self.known:
            if short.kind != "constant":
                raise TraceError("a rule reads an array that is none of its arguments")
            array = self._xp.broadcast_to(short.array[:1], self._shape) if short.shape else None
            array = short.array if array is None else array
            self.known[id(short)] = value_like("constant", array, array=array)
        return self.known[id(short)]
