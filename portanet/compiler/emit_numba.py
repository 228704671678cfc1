"""Fused loops as source for numba: element-wise operations, and reductions along the same axes.

A group runs over its kept and its reduced numbers as often as its reductions wait for each other:
maxima first, say, then sums of what they are subtracted from. What is stored is stored in the last
run, when a place has been read for the last time. Lengths, strides and places are constants in the
text, so that the compiler makes vectors of it.

Where neighbours in memory are reduced, each kept number is finished before the next. Where they are
kept (a sum over the batch), partial results stand in memory, in the places of the results.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from portanet.compiler.graph import Node, Value
from portanet.compiler.groups import is_narrow
from portanet.compiler.host_scalar import HostScalar
from portanet.compiler.index import narrow_axes, wide_axes
from portanet.compiler.nest import common_lengths, index_text, strides_along
from portanet.compiler.numba_text import (
    MEMORY,
    cast,
    combined,
    identity,
    number,
    operands,
    text_of,
)
from portanet.compiler.operations import REDUCERS
from portanet.compiler.units import Unit

INDENT = "    "


@dataclass
class Module:
    """What all loops of a plan share: constants by their text, and where arrays begin.

    `place(value)` gives an array's memory and where it begins there, as text: ("f4a", 1280).
    `scalar(scalar, dtype)` gives the place of a number of the step.
    """

    place: Callable[[Value], tuple[str, int]]
    scalar: Callable[[HostScalar, Any], tuple[str, int]]
    constants: dict[str, str] = field(default_factory=dict)

    def constant(self, value: Any, dtype: Any) -> str:
        """Return the name of a constant: beside a plain 0.5 numba would compute in float64."""
        text = number(value, dtype)
        return self.constants.setdefault(text, f"c{len(self.constants)}")


class GroupLoops:
    """Writes the loops of one group."""

    def __init__(self, unit: Unit, module: Module) -> None:
        assert unit.group is not None  # single operations are written elsewhere
        self.unit, self.module, self.space = unit, module, unit.group.space
        self.inside = {id(node.output): node for node in unit.nodes}
        self.narrow: set[int] = set()
        for node in unit.nodes:
            if is_narrow(node, self.narrow, self.space):
                self.narrow.add(id(node.output))
        self.level = self._levels()
        self.names: dict[Any, str] = {}
        self.n_names = 0
        self._cut()

    def lines(self) -> list[str]:
        """Return the loops' lines."""
        return self._by_rows() if self.space.rows else self._by_columns()

    # the loops' lengths

    def _cut(self) -> None:
        """Cut kept and reduced numbers into loops that suit all arrays."""
        kept, reduced = [], []
        for value, shape, wide in self._accesses():
            if wide:
                axes = wide_axes(value, shape, self.space)
                assert axes is not None  # groups take in nothing else
                kept.append(axes[0])
                reduced.append(axes[1])
            else:
                kept.append(narrow_axes(value, shape, self.space) or [])
        self.kept, self.reduced = common_lengths(kept), common_lengths(reduced)
        self.fits = self.kept is not None and self.reduced is not None

    def _accesses(self) -> list[tuple[Value, tuple[int, ...], bool]]:
        found = []
        for node in self.unit.nodes:
            wide = node.op in REDUCERS or id(node.output) not in self.narrow
            shape = node.args[0].shape if node.op in REDUCERS else node.output.shape
            found += [(v, shape, wide) for v in node.inputs if id(v.root) not in self.inside]
        stored = self.unit.outputs
        return found + [(v, v.shape, id(v) not in self.narrow) for v in stored]

    # neighbours in memory are reduced, or nothing is

    def _by_rows(self) -> list[str]:
        lines, sums = [], self._sums()
        depth = len(self.kept)
        lines += [f"{INDENT * i}for k{i} in range({n}):" for i, n in enumerate(self.kept)]
        body: list[str] = []
        last = self._last_run(sums)
        known: dict[Any, str] = {}
        for run in range(last + 1):
            body += self._row_run([n for n in sums if self._run_of(n) == run], run == last, known)
        for value in self.unit.outputs:
            if id(value) in self.narrow:
                text = self._value(value, body, known, wide=False)
                body.append(self._store(value, text, wide=False))
        return lines + [INDENT * depth + line for line in body]

    def _row_run(self, sums: list[Node], last: bool, known: dict[Any, str]) -> list[str]:
        before, inner, after = [], [], []
        own = dict(known)
        for node in sums:
            value, dtype, name = node.args[0], node.output.dtype, self._name("s")
            before.append(f"{name} = {self.module_text(identity(node.op, dtype))}")
            text = self._operand(value, value.shape, dtype, inner, own, wide=True)
            inner.append(f"{name} = {combined(node.op, name, text, dtype)}")
            known[id(node.output)] = name
        for value in self.unit.outputs if last else ():
            if id(value) not in self.narrow:
                text = self._value(value, inner, own, wide=True)
                inner.append(("store", value, text))
        return before + self._reduced_loops(inner) + after

    def _reduced_loops(self, inner: list[Any]) -> list[str]:
        stores = [self._store(v, t, wide=True) for _, v, t in filter(_is_store, inner)]
        body = [line for line in inner if not _is_store(line)] + stores
        if not body:
            return []
        loops = [f"{INDENT * i}for j{i} in range({n}):" for i, n in enumerate(self.reduced)]
        return loops + [INDENT * len(self.reduced) + line for line in body]

    # neighbours in memory are kept

    def _by_columns(self) -> list[str]:
        lines, sums = [], self._sums()
        last = self._last_run(sums)
        for run in range(last + 1):
            of_run = [n for n in sums if self._run_of(n) == run]
            lines += self._kept_loops([self._start(n) for n in of_run])
            lines += self._column_run(of_run, run == last)
            lines += self._narrow_lines(run)
        return lines

    def _start(self, node: Node) -> str:
        return self._store(
            node.output, self.module_text(identity(node.op, node.output.dtype)), wide=False
        )

    def _column_run(self, sums: list[Node], last: bool) -> list[str]:
        inner: list[Any] = []
        known: dict[Any, str] = {}
        for node in sums:
            value, out = node.args[0], node.output
            text = self._operand(value, value.shape, out.dtype, inner, known, wide=True)
            total = self._load(out, out.shape, wide=False)
            new = (
                f"{total} + {text}"
                if node.op == "sum"
                else combined(node.op, total, text, out.dtype)
            )
            inner.append(self._store(out, new, wide=False))
        for value in self.unit.outputs if last else ():
            if id(value) not in self.narrow:
                inner.append(("store", value, self._value(value, inner, known, wide=True)))
        stores = [self._store(v, t, wide=True) for _, v, t in filter(_is_store, inner)]
        body = [line for line in inner if not _is_store(line)] + stores
        if not body:
            return []
        depth = len(self.reduced)
        loops = [f"{INDENT * i}for j{i} in range({n}):" for i, n in enumerate(self.reduced)]
        return loops + [INDENT * depth + line for line in self._kept_loops(body)]

    def _narrow_lines(self, run: int) -> list[str]:
        """Store what is made of the run's sums, number by number."""
        body: list[str] = []
        known: dict[Any, str] = {}
        for value in self.unit.outputs:
            node = self.inside[id(value)]
            ready = max(self.level[id(value)], 1) == run + 1
            if id(value) in self.narrow and node.op not in REDUCERS and ready:
                text = self._value(value, body, known, wide=False)
                body.append(self._store(value, text, wide=False))
        return self._kept_loops(body)

    def _kept_loops(self, body: list[str]) -> list[str]:
        if not body:
            return []
        loops = [f"{INDENT * i}for k{i} in range({n}):" for i, n in enumerate(self.kept)]
        return loops + [INDENT * len(self.kept) + line for line in body]

    # single numbers

    def _value(self, value: Value, lines: list[Any], known: dict[Any, str], *, wide: bool) -> str:
        """Return the name of a number that the group makes; lines compute it if need be."""
        root = value.root
        if id(root) in known:
            return known[id(root)]
        node = self.inside[id(root)]
        if node.op in REDUCERS:  # made in an earlier run, and in memory
            text = self._load(root, node.output.shape, wide=False)
        else:
            wide = wide and id(root) not in self.narrow
            text = self._compute(node, lines, known, wide=wide)
        known[id(root)] = name = self._name("v")
        lines.append(f"{name} = {text}")
        return name

    def _compute(self, node: Node, lines: list[Any], known: dict[Any, str], *, wide: bool) -> str:
        found = text_of(node)
        assert found is not None  # groups take in nothing else
        form, dtypes = found
        texts = [
            self._operand(arg, node.output.shape, dtype, lines, known, wide=wide)
            for arg, dtype in zip(operands(node), dtypes, strict=True)
        ]
        text = form.format(*texts)
        return text

    def _operand(
        self, arg: Any, shape: tuple[int, ...], dtype: Any, lines: list[Any],
        known: dict[Any, str], *, wide: bool,
    ) -> str:  # fmt: skip
        if isinstance(arg, HostScalar):
            memory, at = self.module.scalar(arg, dtype)
            return f"{memory}[{at}]"
        if not isinstance(arg, Value):
            return self.module.constant(arg, dtype)
        if id(arg.root) in self.inside:
            return cast(self._value(arg, lines, known, wide=wide), arg.dtype, dtype)
        text = self._load(arg, shape, wide=wide)
        if text not in known:
            known[text] = self._name("x")
            lines.append(f"{known[text]} = {text}")
        return cast(known[text], arg.dtype, dtype)

    def _load(self, value: Value, shape: tuple[int, ...], *, wide: bool) -> str:
        text = self._element(value, shape, wide=wide)
        return f"({text} != 0)" if value.dtype == "bool" else text

    def _store(self, value: Value, text: str, *, wide: bool) -> str:
        text = f"np.uint8({text})" if value.dtype == "bool" else text
        return f"{self._element(value, value.shape, wide=wide)} = {text}"

    def _element(self, value: Value, shape: tuple[int, ...], *, wide: bool) -> str:
        """Return the text of a number in memory."""
        memory, start = self.module.place(value)
        if wide:
            axes = wide_axes(value, shape, self.space)
            assert axes is not None
            index = [*self._along(axes[0], "k"), *self._along(axes[1], "j")]
        else:
            index = self._along(narrow_axes(value, shape, self.space) or [], "k")
        text = " + ".join(filter(None, index))
        at = f"{start} + {text}" if start and text else text or str(start)
        return f"{memory}[{at}]"

    def _along(self, axes: list[tuple[int, int]], letter: str) -> list[str]:
        lengths = (self.kept if letter == "k" else self.reduced) or []
        strides = strides_along(axes, lengths)
        assert strides is not None  # cut so
        return [index_text(strides, [f"{letter}{i}" for i in range(len(lengths))])]

    def module_text(self, text: str) -> str:
        """Return the name of a constant's text."""
        return self.module.constants.setdefault(text, f"c{len(self.module.constants)}")

    # what waits for what

    def _levels(self) -> dict[int, int]:
        """Return, for each value, how many reductions it waits for, one after the other."""
        level: dict[int, int] = {}
        for node in self.unit.nodes:
            waits = max([level.get(id(v.root), 0) for v in node.inputs], default=0)
            level[id(node.output)] = waits + (node.op in REDUCERS)
        return level

    def _sums(self) -> list[Node]:
        return [node for node in self.unit.nodes if node.op in REDUCERS]

    def _run_of(self, reduction: Node) -> int:
        return self.level[id(reduction.output)] - 1

    def _last_run(self, sums: list[Node]) -> int:
        wide = [v for v in self.unit.outputs if id(v) not in self.narrow]
        return max([self.level[id(v)] for v in wide] + [self._run_of(n) for n in sums], default=0)

    def _name(self, letter: str) -> str:
        self.n_names += 1
        return f"{letter}{self.n_names}"


def _is_store(line: Any) -> bool:
    return isinstance(line, tuple)
