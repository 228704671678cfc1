"""The graph of a step: the arrays in it, and the operations that made them.

Operations have the names of the array API standard. A graph contains no layers; the method that
recorded an operation is kept as text, for profiles.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from portanet.compiler.graph.host_draw import HostDraw
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.typing import Array

_CONTAINERS = (list, tuple, dict)  # that arguments may be in


@dataclass(eq=False, slots=True)
class Value:
    """One array of a step: its shape, dtype and strides, and what produces it.

    size   the number of elements
    kind   "node": the output of an operation; all others exist when a step begins:
           "input" (a batch), "state" (parameters, slots …), "host" (sent from the host for this
           step), "constant" (the same in every step)
    name   for error messages and profiles ("layers.0.weights"), or ""
    base   the value that this one is a view of; None if it owns its memory
    array  the array of a constant
    """

    kind: str
    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...]
    name: str = ""
    node: "Node | None" = None
    base: "Value | None" = None
    array: Any = None
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = prod(self.shape)

    @property
    def root(self) -> "Value":
        """The value that owns the memory."""
        value = self
        while value.base is not None:
            value = value.base
        return value

    @property
    def n_bytes(self) -> int:
        """The number of bytes."""
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        name = self.name or (self.node.op if self.node else self.kind)
        return f"<{name} {self.dtype}{list(self.shape)}>"


def value_like(kind: str, array: Array, /, **fields: Any) -> Value:
    """Return a value with the shape, dtype and strides of an array; axes shorter than 2 have 0."""
    shape = tuple(array.shape)
    n_bytes = getattr(array, "strides", None)
    if not isinstance(n_bytes, tuple):
        n_bytes = (0,) * len(shape)
    strides = tuple(s if n > 1 else 0 for s, n in zip(n_bytes, shape, strict=True))
    return Value(kind, shape, array.dtype, strides, **fields)


@dataclass(eq=False, slots=True)
class Node:
    """One operation: `outputs = function(*args, **options)`.

    `args` and `options` hold Values, HostScalars, plain numbers, and lists of them. `op` is the
    standard's name ("add", "sum", "matmul"), or "kernel:" and the name of an `@accelerable`.
    `place` names the method that recorded it ("layers.0.forward"). `flops` are the multiplications
    and additions of a product of matrices that an engine has rewritten as this operation.
    """

    op: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    outputs: list[Value] = field(default_factory=list)
    place: str = ""
    flops: int = 0
    _inputs: tuple[Any, Any, list[Value]] | None = None  # of which args and options

    @property
    def inputs(self) -> list[Value]:
        """The values that it reads, in order, with repetitions."""
        known = self._inputs
        if known is None or known[0] is not self.args or known[1] is not self.options:
            found = values_in((self.args, self.options)) if self.options else values_in(self.args)
            known = self._inputs = (self.args, self.options, found)
        return known[2]

    @property
    def output(self) -> Value:
        """The only output."""
        return self.outputs[0]

    @property
    def is_view(self) -> bool:
        """Whether its output is a view of an input."""
        return self.outputs[0].base is not None

    def __repr__(self) -> str:
        return f"{self.outputs} = {self.op}({', '.join(map(repr, self.args))})"


@dataclass(eq=False)
class Graph:
    """What one step computes.

    inputs   the batch, by name: "x" and "y", of several arrays "x.tokens" …
    states   the values that persist from step to step, by name
    hosts    values that are sent from the host in each step, and how they are drawn
    updates  the values of the states after the step, by the same names
    results  other outputs, by name: losses, gradients
    """

    nodes: list[Node] = field(default_factory=list)
    inputs: dict[str, Value] = field(default_factory=dict)
    states: dict[str, Value] = field(default_factory=dict)
    hosts: list[tuple[Value, HostDraw]] = field(default_factory=list)
    updates: dict[str, Value] = field(default_factory=dict)
    results: dict[str, Value] = field(default_factory=dict)

    @property
    def n_samples(self) -> int:
        """The number of samples in a batch; 0 if samples have weights, or there is no batch."""
        targets = [v for name, v in self.inputs.items() if name == "y" or name.startswith("y.")]
        return 0 if not targets or "total:weight" in self.states else targets[0].shape[0]

    def wanted(self) -> list[Value]:
        """Return the outputs of the graph: changed states and results."""
        changed = [v for name, v in self.updates.items() if v is not self.states[name]]
        return [*changed, *self.results.values()]

    def scalars(self) -> list[HostScalar]:
        """Return the HostScalars that operations read, each once."""
        every = (s for node in self.nodes for s in scalars_in([*node.args, node.options]))
        return list({s.key: s for s in every}.values())


def values_in(item: Any) -> list[Value]:
    """Return the Values in arguments, in order, including those in lists, tuples and dicts."""
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
    """Return the HostScalars in arguments, in order, including those in containers."""
    if isinstance(item, HostScalar):
        return [item]
    if isinstance(item, dict):
        item = item.values()
    elif not isinstance(item, _CONTAINERS):
        return []
    found: list[HostScalar] = []
    for part in item:
        if isinstance(part, HostScalar):
            found.append(part)
        elif isinstance(part, _CONTAINERS) and part:
            found += scalars_in(part)
    return found


def replaced(item: Any, replace: Callable[[Any], Any], kinds: tuple[type, ...]) -> Any:
    """Return arguments in which all instances of `kinds` are replaced, also in containers."""
    if isinstance(item, kinds):
        return replace(item)
    if not isinstance(item, _CONTAINERS):
        return item
    if isinstance(item, dict):
        return {key: replaced(part, replace, kinds) for key, part in item.items()}
    parts = [replaced(part, replace, kinds) for part in item]
    return parts if type(item) is list else type(item)(parts)
