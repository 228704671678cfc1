"""The arrays of a plan's values: slices of the arena, homes of states, and views of these."""

from collections.abc import Callable, Mapping
from typing import Any

from portanet.compiler.errors import PlanError
from portanet.compiler.graph.graph import Value
from portanet.compiler.memory.arena import Layout
from portanet.compiler.memory.strides import laid_out, strides_of, viewed
from portanet.typing import Array


class PlanArrays:
    """The array of each value, created when it is first asked for.

    arena        a vector of bytes, of the size that `layout` asks for
    homes        the memory of the states, by name
    same_memory  tells whether two arrays share memory
    """

    def __init__(
        self, layout: Layout, arena: Array, homes: Mapping[str, Array],
        same_memory: Callable[[Array, Array], bool],
    ) -> None:  # fmt: skip
        self._layout, self._arena, self._homes = layout, arena, homes
        self._same_memory = same_memory
        self._found: dict[int, Array] = {}

    def find(self, value: Value) -> Array:
        """Return the array of a value.

        Raises PlanError if its strides are not the value's: code that was compiled for the value's
        strides would read out of bounds.
        """
        if id(value) not in self._found:
            self.put(value, self._made(value))
        return self._found[id(value)]

    def put(self, value: Value, array: Array) -> None:
        """Set the array of a value."""
        if value.size and strides_of(array) != value.strides:
            raise PlanError(
                f"{value} must have the strides {value.strides} in the memory of its plan, has "
                f"{strides_of(array)}"
            )
        self._found[id(value)] = array

    def temporary(self, buffer: Any) -> Array:
        """Return the memory of a buffer that a unit needs while it runs: a vector of its dtype."""
        start = self._layout.temporaries[id(buffer)].offset
        return self._arena[start : start + buffer.n_bytes].view(buffer.dtype)

    def _made(self, value: Value) -> Array:
        if value.kind == "constant":
            return value.array
        if value.base is not None:
            return self._view(value)
        if value.kind == "state":
            return self._homes[value.name]
        block, offset = self._layout.places[id(value)]
        if block.home is not None:
            return self._homes[block.home]
        start = block.offset + offset
        memory = self._arena[start : start + value.n_bytes].view(value.dtype)
        return laid_out(memory, value)

    def _view(self, value: Value) -> Array:
        node, base = value.node, value.base
        assert node is not None and base is not None  # only operations make views  # noqa: PT018
        view = viewed(node, self.find)[node.outputs.index(value)]
        if value.size and not self._same_memory(view, self.find(base)):
            raise PlanError(f"{value} must be a view of {base}, is a copy in its plan")
        return view
