"""The graph of a step: the arrays in it, and the operations that made them.

A graph knows operations by their names in the array API standard, never layers: where an operation
came from is kept as words, for people who look at a plan.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from portanet.compiler.graph.host_scalar import HostScalar
from portanet.typing import Array

_CONTAINERS = (list, tuple, dict)  # that arguments may be in


@dataclass(eq=False, slots=True)
class Value:
    """One array of a step: what it looks like, and where it comes from.

    kind   "node": an operation makes it; the rest is there when a step begins:
           "input" (a batch), "state" (parameters, slots …), "host" (drawn on the host for this
           step), "constant" (the same in every step)
    name   what people call it ("layers.0.weights"); "" where nobody has named it
    base   the value whose memory this one shows (None: it has its own)
    array  a constant's numbers; nothing else is kept
    """

    kind: str
    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...]
    name: str = ""
    node: "Node | None" = None
    base: "Value | None" = None
    array: Any = None

    @property
    def root(self) -> "Value":
        """The value that owns the memory."""
        value = self
        while value.base is not None:
            value = value.base
        return value

    @property
    def n_bytes(self) -> int:
        """How many bytes the numbers take."""
        return self.size * self.dtype.itemsize

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return prod(self.shape)

    def __repr__(self) -> str:
        name = self.name or (self.node.op if self.node else self.kind)
        return f"<{name} {self.dtype}{list(self.shape)}>"


def value_like(kind: str, array: Array, /, **fields: Any) -> Value:
    """Return a value that looks like an array. An axis of one or none has no stride: 0."""
    shape = tuple(array.shape)
    n_bytes = getattr(array, "strides", None)
    if not isinstance(n_bytes, tuple):
        n_bytes = (0,) * len(shape)
    strides = tuple(s if n > 1 else 0 for s, n in zip(n_bytes, shape, strict=True))
    return Value(kind, shape, array.dtype, strides, **fields)


@dataclass(eq=False, slots=True)
class Node:
    """One operation: `function(*args, **options)` made `outputs`.

    `args` and `options` hold Values, HostScalars, plain numbers, and lists of them. `op` is the
    standard's name ("add", "sum", "matmul"), or "kernel:" and the name of an `@accelerable`.
    `place` says which part of the model was at work.
    """

    op: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: list[Value] = field(default_factory=list)
    place: str = ""

    @property
    def inputs(self) -> list[Value]:
        """The values that it reads, in order; one that is read twice comes twice."""
        return values_in((self.args, self.options)) if self.options else values_in(self.args)

    @property
    def output(self) -> Value:
        """The value that it makes, where there is one alone."""
        return self.outputs[0]

    @property
    def is_view(self) -> bool:
        """Whether it only shows memory that is there already."""
        return self.outputs[0].base is not None

    def __repr__(self) -> str:
        return f"{self.outputs} = {self.op}({', '.join(map(repr, self.args))})"


@dataclass(eq=False)
class Graph:
    """What one step does: from `inputs`, `states`, `scalars` and `hosts` to `results`.

    states   the values that live on from step to step, by name
    updates  what each state is after the step, by the same names
    results  other values that are wanted, by name: losses, gradients
    """

    nodes: list[Node] = field(default_factory=list)
    inputs: dict[str, Value] = field(default_factory=dict)
    states: dict[str, Value] = field(default_factory=dict)
    hosts: list[tuple[Value, Callable[[], Any]]] = field(default_factory=list)
    updates: dict[str, Value] = field(default_factory=dict)
    results: dict[str, Value] = field(default_factory=dict)

    def wanted(self) -> list[Value]:
        """Return the values for whose sake the step is taken."""
        changed = [v for name, v in self.updates.items() if v is not self.states[name]]
        return [*changed, *self.results.values()]

    def scalars(self) -> list[HostScalar]:
        """Return the numbers of the step that operations read, each once."""
        every = (s for node in self.nodes for s in scalars_in((node.args, node.options)))
        return list({s.key: s for s in every}.values())


def values_in(item: Any) -> list[Value]:
    """Return the Values in arguments, lists, tuples and dicts included, in order."""
    if isinstance(item, Value):
        return [item]
    if isinstance(item, dict):
        item = item.values()
    elif not isinstance(item, _CONTAINERS):
        return []
    found: list[Value] = []
    for part in item:
        if isinstance(part, Value):
            found.append(part)
        elif isinstance(part, _CONTAINERS):
            found += values_in(part)
    return found


def scalars_in(item: Any) -> list[HostScalar]:
    """Return the numbers of the step in arguments, lists, tuples and dicts included, in order."""
    found: list[HostScalar] = []
    replaced(item, found.append, (HostScalar,))
    return found


def replaced(item: Any, replace: Callable[[Any], Any], kinds: tuple[type, ...]) -> Any:
    """Return arguments with everything of some kinds replaced, lists and tuples included."""
    if isinstance(item, kinds):
        return replace(item)
    if not isinstance(item, _CONTAINERS):
        return item
    if isinstance(item, dict):
        return {key: replaced(part, replace, kinds) for key, part in item.items()}
    parts = [replaced(part, replace, kinds) for part in item]
    return parts if type(item) is list else type(item)(parts)
