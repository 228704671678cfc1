"""Values that a kernel of rows keeps for a later loop, in the memory of an output.

Softmax needs exp(x - max) twice: for the sum of a row, and divided by it. The first loop stores it
where the result will lie, so that the second one does not compute it again.
"""

from collections.abc import Iterable, Sequence

from portanet.compiler.engines.llvm.group import GroupText
from portanet.compiler.engines.llvm.text import takes_long
from portanet.compiler.graph.graph import Value
from portanet.compiler.graph.operations import REDUCERS


def kept_values(text: GroupText) -> dict[int, Value]:
    """Return the output that each value worth keeping may lie in meanwhile, by the value's id.

    That is a function's result, summed in one loop and used in a later one; the output must not
    share its memory with what later loops read.
    """
    kept: dict[int, Value] = {}
    for run in range(text.last_run):
        for node in text.sums_of(run):
            value = node.args[0].root
            read = _read_after(text, run, value) if _is_costly(text, value) else None
            if read is not None:
                free = [o for o in _full_outputs(text, value) if _is_apart(text, o, read)]
                free = [out for out in free if out not in kept.values()]
                kept |= {id(value): out for out in free[:1]}
    return kept


def _is_costly(text: GroupText, value: Value) -> bool:
    """Return whether a full value that the kernel computes is a function's result."""
    node = text.inside.get(id(value))
    form = None if node is None or id(value) in text.reduced else text.text_of(node)
    return form is not None and takes_long(form[0])


def _full_outputs(text: GroupText, value: Value) -> Iterable[Value]:
    outputs: Sequence[Value] = text.unit.outputs
    full = (out for out in outputs if id(out) not in text.reduced and out is not value)
    return [out for out in full if out.dtype == value.dtype]


def _is_apart(text: GroupText, out: Value, read: Iterable[Value]) -> bool:
    return not any(text.arguments.share(out, value) for value in read)


def _read_after(text: GroupText, run: int, kept: Value) -> list[Value] | None:
    """Return what loops after a run read from memory if a value is kept; None if none needs it."""
    later = [node.args[0] for r in range(run + 1, text.last_run + 1) for node in text.sums_of(r)]
    waiting = [*later, *(v for v in text.unit.outputs if id(v) not in text.reduced)]
    read, seen, wanted = [], set(), False
    while waiting:
        root = waiting.pop().root
        if id(root) in seen:
            continue
        seen.add(id(root))
        wanted |= root is kept
        node = text.inside.get(id(root))
        if node is None:
            read.append(root)
        elif root is not kept and node.op not in REDUCERS:
            waiting += node.inputs
    return read if wanted else None
