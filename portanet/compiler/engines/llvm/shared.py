"""Groups of one structure share one kernel: it is written once, and its table filled in for each.

Two groups have one structure if they do the same operations to arrays of the same shapes, strides
and dtypes, which lie in the same way at one place or at several. A network of 200 steps has
hundreds of groups, and some ten structures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.emit import fits, group_kernel, stored_sums
from portanet.compiler.engines.llvm.kernels import Kernel
from portanet.compiler.engines.llvm.text import TextOf
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Value
from portanet.compiler.graph.host_scalar import HostScalar


class SharedKernels:
    """Writes the kernels of groups.

    `address` and `number` are those of Arguments, `text_of` that of GroupText.
    """

    def __init__(
        self, address: Callable[[Value], int], number: Callable[[HostScalar, Any], int],
        text_of: TextOf,
    ) -> None:  # fmt: skip
        self._address, self._number, self._text_of = address, number, text_of
        self._structures: dict[int, _Structure] = {}  # by the ids of units
        self._fits: dict[Any, bool] = {}
        self._written: dict[Any, _Recipe] = {}

    def fits(self, unit: Unit) -> bool:
        """Return whether a group can be written as loops; make its sums outputs, as these need."""
        unit.outputs += stored_sums(unit)
        self._structures[id(unit)] = _Structure(unit)
        key = self._structures[id(unit)].key
        if key not in self._fits:
            self._fits[key] = fits(unit)
        return self._fits[key]

    def kernel(self, unit: Unit) -> Kernel:
        """Return the kernel of a group."""
        structure = self._structures[id(unit)]
        key = (structure.key, structure.places(self._address))
        if key not in self._written:
            arguments = Arguments(self._address, self._number)
            kernel = group_kernel(unit, arguments, self._text_of)
            self._written[key] = _Recipe(kernel, structure.sources(arguments))
        return self._filled_in(self._written[key], structure)

    def _filled_in(self, recipe: "_Recipe", structure: "_Structure") -> Kernel:
        table = recipe.kernel.table.copy()
        for at, i, dtype in recipe.sources:
            table[at] = (
                self._address(structure.values[i])
                if dtype is None
                else self._number(structure.scalars[i], dtype)
            )
        return replace(recipe.kernel, table=table)


@dataclass(frozen=True)
class _Recipe:
    """A kernel, and where what its table has comes from: (place, index of a value, None), or
    (place, index of a number, its dtype).
    """  # noqa: D205

    kernel: Kernel
    sources: list[tuple[int, int, Any]]


class _Structure:
    """What a group's text depends on, and the values and numbers that it leaves open, in order."""

    def __init__(self, unit: Unit) -> None:
        assert unit.group is not None  # single operations are written elsewhere
        self.values: list[Value] = []
        self.scalars: list[HostScalar] = []
        self._index: dict[Any, int] = {}
        self._facts: list[Any] = []
        operations = tuple(
            (node.op, tuple(map(self._part, (*node.args, *node.outputs))), str(node.options))
            for node in unit.nodes
        )
        self._inside = {id(node.output) for node in unit.nodes}
        self._stored = {id(value) for value in unit.outputs}
        outputs = tuple(map(self._part, unit.outputs))
        self.key = (operations, outputs, unit.group.space, tuple(self._facts))

    def _part(self, item: Any) -> Any:
        """Return what stands for an argument in the key."""
        if isinstance(item, Value):
            return self._of_value(item)
        if isinstance(item, HostScalar):
            return ("number", self._numbered(("number", item.key), self.scalars, item))
        return (type(item), repr(item))

    def _of_value(self, value: Value) -> int:
        known = self._index.get(id(value))
        if known is not None:
            return known
        i = self._numbered(id(value), self.values, value)
        self._facts.append((value.shape, value.strides, value.dtype))
        root = i if value.base is None else self._of_value(value.root)
        self._facts.append((i, root))
        return i

    def _numbered(self, key: Any, of: list[Any], item: Any) -> int:
        if key not in self._index:
            self._index[key] = len(of)
            of.append(item)
        return self._index[key]

    def places(self, address: Callable[[Value], int]) -> tuple[int, ...]:
        """Return which of the values in memory lie at one place, as a number for each place."""
        seen: dict[int, int] = {}
        in_memory = (
            v for v in self.values if id(v.root) not in self._inside or id(v) in self._stored
        )
        return tuple(seen.setdefault(address(value), len(seen)) for value in in_memory)

    def sources(self, arguments: Arguments) -> list[tuple[int, int, Any]]:
        """Return what the arguments that are no plain numbers are taken from."""
        found = []
        for at, source in enumerate(arguments.sources):
            if isinstance(source, Value):
                found.append((at, self._index[id(source)], None))
            elif source is not None:
                scalar, dtype = source
                found.append((at, self._index["number", scalar.key], dtype))
        return found
