"""The expressions in the loops of a fused group: loads, operations and stores (see emit.py)."""

from typing import Any

from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.lines import Loop, loops
from portanet.compiler.engines.llvm.text import TextOf, cast, text_of
from portanet.compiler.fusion.fused_group import reduced_values
from portanet.compiler.fusion.indexing import axes_of_full, axes_of_reduced
from portanet.compiler.fusion.loop_nest import Axes, common_lengths, strides_along
from portanet.compiler.fusion.operands import identity, levels, operands
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Node, Value
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.graph.operations import REDUCERS


class GroupText:
    """The expressions of a group; subclasses write the loops around them.

    `known` maps the ids of values to the names of variables that hold their elements; `text_of` is
    that of text.py, or of same_bits.py.
    """

    def __init__(self, unit: Unit, arguments: Arguments, text_of: TextOf = text_of) -> None:
        assert unit.group is not None  # single operations are written elsewhere
        self.unit, self.arguments, self.space = unit, arguments, unit.group.space
        self.text_of = text_of
        self.inside = {id(node.output): node for node in unit.nodes}
        self.reduced = reduced_values(unit.nodes, self.space)
        self.level = levels(unit.nodes)
        self.names: dict[Any, str] = {}
        self.n_names = 0
        self.memory: list[Any] = []  # arrays of the kernel's own
        self.kept: dict[int, Value] = {}  # outputs that hold values from an earlier loop, by id
        self._cut()

    # the loops' lengths

    def _cut(self) -> None:
        """Split the indices k and j into loops in which all arrays have constant strides."""
        kept, reduced = [], []
        for value, shape, full in self._accesses():
            if full:
                axes = axes_of_full(value, shape, self.space)
                assert axes is not None  # groups take in nothing else
                kept.append(axes[0])
                reduced.append(axes[1])
            else:
                kept.append(axes_of_reduced(value, shape, self.space) or ())
        cut, across = common_lengths(kept), common_lengths(reduced)
        self.fits = cut is not None and across is not None
        self.kept_lengths, self.reduced_lengths = cut or [], across or []

    def _accesses(self) -> list[tuple[Value, tuple[int, ...], bool]]:
        found = []
        for node in self.unit.nodes:
            full = node.op in REDUCERS or id(node.output) not in self.reduced
            shape = node.args[0].shape if node.op in REDUCERS else node.output.shape
            found += [(v, shape, full) for v in node.inputs if id(v.root) not in self.inside]
        stored = self.unit.outputs
        return found + [(v, v.shape, id(v) not in self.reduced) for v in stored]

    # single numbers

    def value(self, value: Value, lines: list[Any], known: dict[Any, str], *, full: bool) -> str:
        """Return the variable of a value's element; append the lines that compute it."""
        root = value.root
        if id(root) in known:
            return known[id(root)]
        node = self.inside[id(root)]
        if node.op in REDUCERS:  # computed in an earlier loop, and in memory
            text = self.load(root, node.output.shape, full=False)
        elif id(root) in self.kept:
            out = self.kept[id(root)]
            text = self.load(out, out.shape, full=True)
        else:
            full = full and id(root) not in self.reduced
            text = self._compute(node, lines, known, full=full)
        known[id(root)] = name = self.new_name("v")
        lines.append(f"{name} = {text}")
        return name

    def _compute(self, node: Node, lines: list[Any], known: dict[Any, str], *, full: bool) -> str:
        found = self.text_of(node)
        assert found is not None  # groups take in nothing else
        form, dtypes = found
        texts = [
            self.operand(arg, node.output.shape, dtype, lines, known, full=full)
            for arg, dtype in zip(operands(node), dtypes, strict=True)
        ]
        return form.format(*texts)

    def operand(
        self, arg: Any, shape: tuple[int, ...], dtype: Any, lines: list[Any],
        known: dict[Any, str], *, full: bool,
    ) -> str:  # fmt: skip
        """Return an operand's text in a dtype; append the lines that load or compute it."""
        if isinstance(arg, HostScalar):
            return f"{self.arguments.scalar(arg, dtype)}[0]"
        if not isinstance(arg, Value):
            return self.arguments.number(arg, dtype)
        if id(arg.root) in self.inside:
            return cast(self.value(arg, lines, known, full=full), arg.dtype, dtype)
        text = self.load(arg, shape, full=full)
        if text not in known:
            known[text] = self.new_name("e")
            lines.append(f"{known[text]} = {text}")
        return cast(known[text], arg.dtype, dtype)

    def load(self, value: Value, shape: tuple[int, ...], *, full: bool) -> str:
        """Return the text of an element in memory, of a value that is broadcast to a shape."""
        memory = self.arguments.array(value)
        if full:
            axes = axes_of_full(value, shape, self.space)
            assert axes is not None
            index = [*self._along(axes[0], "k"), *self._along(axes[1], "j")]
        else:
            index = self._along(axes_of_reduced(value, shape, self.space) or (), "k")
        return f"{memory}[{' + '.join(index) or 0}]"

    def store(self, value: Value, text: str, *, full: bool) -> str:
        """Return the line that stores an element."""
        return f"{self.load(value, value.shape, full=full)} = {text}"

    def _along(self, axes: Axes, letter: str) -> list[str]:
        """Return the terms of an index along the loops of k or j."""
        lengths = self.kept_lengths if letter == "k" else self.reduced_lengths
        strides = strides_along(axes, lengths)
        assert strides is not None  # cut so
        return self.arguments.along([f"{letter}{i}" for i in range(len(lengths))], strides)

    # loops

    def over_kept(self, body: list[str]) -> list[str]:
        """Return loops over k around lines; threads may share the outermost one."""
        nest = [
            Loop(f"k{i}", self.arguments.length(f"k{i}", n) if i else "first, last")
            for i, n in enumerate(self.kept_lengths)
        ]
        return loops(nest, body)

    def start(self, node: Node) -> str:
        """Return what a reduction starts from."""
        dtype = node.output.dtype
        return self.arguments.number(identity(node.op, dtype), dtype)

    # what waits for what

    def sums_of(self, run: int) -> list[Node]:
        """Return the reductions that are computed in one loop over j."""
        return [node for node in self._sums() if self.level[id(node.output)] == run + 1]

    @property
    def last_run(self) -> int:
        """The index of the last loop over j, in which full values are stored."""
        full = [self.level[id(v)] for v in self.unit.outputs if id(v) not in self.reduced]
        return max([*full, *(self.level[id(n.output)] - 1 for n in self._sums())], default=0)

    def full_stores(self, lines: list[str], known: dict[Any, str]) -> list[str]:
        """Return the lines that store full values; append to `lines` what they depend on."""
        full = [value for value in self.unit.outputs if id(value) not in self.reduced]
        texts = [self.value(value, lines, known, full=True) for value in full]
        return [self.store(v, text, full=True) for v, text in zip(full, texts, strict=True)]

    def _sums(self) -> list[Node]:
        return [node for node in self.unit.nodes if node.op in REDUCERS]

    def new_name(self, letter: str) -> str:
        """Return a new name."""
        self.n_names += 1
        return f"{letter}{self.n_names}"
