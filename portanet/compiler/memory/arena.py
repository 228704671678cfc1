"""Where the values of a plan lie: who may share memory with whom, and how much is needed.

Values live from the unit that makes them to the last that reads them. An element-wise unit writes
over an argument that dies there. What a state will be is made where the state
lies, once nobody reads the old one any more. Pieces of a concatenation are made in their places.
All the rest is packed into one piece of memory, the arena.

A step that is interrupted must leave all states as they were, or all as they will be. So a state is
written only where no unit that an interrupt may come into follows; what is made before lies in the
arena, and is copied to its home when all else is done.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

from portanet.compiler.fusion.indexing import contiguous
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Graph, Node, Value

ALIGNMENT = 64  # bytes: a cache line, and the longest vector registers
# bytes between two pieces: NumPy before 2.1 takes arrays that touch for overlapping ones, and goes
# through exp, log and tanh number by number, 25 times slower and with other last bits
GAP = 1


@dataclass(eq=False)
class Block:
    """A piece of memory that one value, or several in turn, have for their own.

    home is the state whose memory it is; without, it is a piece of the arena, at `offset`.
    """

    n_bytes: int
    home: str | None = None
    birth: float = inf
    death: float = -inf
    offset: int = 0

    def live(self, start: float, end: float) -> None:
        """Take in that somebody lives here from operation `start` to operation `end`."""
        self.birth, self.death = min(self.birth, start), max(self.death, end)


@dataclass(eq=False)
class Layout:
    """Where every value that owns memory lies: (block, bytes from its beginning), by id.

    copies   states that must be copied to their homes after all else: (name, value)
    written  concatenations, by the node's id: which of their pieces are in place already
    commit   the first unit that writes a home: it and all after it are done without interruption
    """

    places: dict[int, tuple[Block, int]] = field(default_factory=dict)
    copies: list[tuple[str, Value]] = field(default_factory=list)
    written: dict[int, set[int]] = field(default_factory=dict)
    n_bytes: int = 0
    commit: int = 0


class _Planner:
    def __init__(
        self, graph: Graph, units: Sequence[Unit], inputs: Iterable[Value],
        runs_in_c: Callable[[Unit], bool],
    ) -> None:  # fmt: skip
        self.graph, self.units, self.layout = graph, units, Layout()
        self.index = {id(v): i for i, unit in enumerate(units) for v in unit.outputs}
        self.made_by = {id(v): unit for unit in units for v in unit.outputs}
        self.last: dict[int, float] = {}
        for i, unit in enumerate(units):
            for value in unit.inputs:
                self.last[id(value.root)] = i
        self.pinned = {id(v.root) for v in graph.results.values()}
        self.pinned |= {id(v.root) for v in inputs}
        for key in self.pinned:
            self.last[key] = inf
        # the first unit that may write a home
        self.first = max((i + 1 for i, unit in enumerate(units) if not runs_in_c(unit)), default=0)
        for value in inputs:
            block = Block(value.n_bytes)
            block.live(-1, inf)
            self.layout.places[id(value)] = block, 0

    def run(self) -> Layout:
        self._give_homes()
        for unit in reversed(self.units):
            for value in unit.outputs:
                self._place(value)
            if unit.single is not None and unit.single.op == "concat":
                self._place_pieces(unit.single)
            for out in unit.outputs:
                self._place_in_turn(unit, out)
        at_home = (i for i, unit in enumerate(self.units) if any(map(self._at_home, unit.outputs)))
        self.layout.commit = next(at_home, len(self.units))
        self.layout.n_bytes = pack({id(b): b for b, _ in self.layout.places.values()}.values())
        return self.layout

    def _at_home(self, value: Value) -> bool:
        return self.layout.places[id(value)][0].home is not None

    def _give_homes(self) -> None:
        taken: set[int] = set()
        for name, value in self.graph.updates.items():
            state = self.graph.states[name]
            if value is state:
                continue
            if id(value) in taken or not self._may_be_made_at(state, value):
                self.layout.copies.append((name, value))
                self.last[id(value.root)] = inf
                continue
            taken.add(id(value))
            home = Block(value.n_bytes, home=name)
            self.layout.places[id(value)] = home, 0

    def _may_be_made_at(self, state: Value, value: Value) -> bool:
        """Return whether nobody reads a state's memory after `value` is made."""
        if value.base is not None or id(value) not in self.index or id(value) in self.pinned:
            return False
        if value.dtype != state.dtype or value.strides != state.strides:
            return False
        return self._free_from(state, value)

    def _place(self, value: Value) -> None:
        """Give a value a block of its own unless it has a place; note how long it lives."""
        if id(value) not in self.layout.places:
            self.layout.places[id(value)] = Block(value.n_bytes), 0
        block, _ = self.layout.places[id(value)]
        block.live(self.index[id(value)], self.last.get(id(value), self.index[id(value)]))

    def _place_in_turn(self, unit: Unit, out: Value) -> None:
        """Let an argument that dies in a unit lie where a result will that is written alike."""
        block, offset = self.layout.places[id(out)]
        for value in unit.inputs:
            if self._may_lie_at(value, unit, out, block):
                self.layout.places[id(value)] = block, offset
                return

    def _may_lie_at(self, value: Value, unit: Unit, out: Value, block: Block) -> bool:
        i = self.index[id(out)]
        if value.kind != "node" or value.base is not None or id(value) in self.layout.places:
            return False
        if self._death(value) != i or value.dtype != out.dtype or value.strides != out.strides:
            return False
        if not unit.reads_alike(value, out):
            return False
        return block.home is None or self._free_from(self.graph.states[block.home], value)

    def _death(self, value: Value) -> float:
        """Return which unit is the last to read a value, or one of the pieces in it."""
        pieces = value.node.args[0] if value.node and value.node.op == "concat" else ()
        return max([self.last[id(value)], *(self.last.get(id(p.root), -1) for p in pieces)])

    def _free_from(self, state: Value, value: Value) -> bool:
        """Return whether `value` may be written to a state's memory: nobody reads it any more."""
        made, read = self.index[id(value)], self.last.get(id(state.root), -1)
        if made < self.first:
            return False
        return read < made or (read == made and self.made_by[id(value)].reads_alike(state, value))

    def _place_pieces(self, node: Node) -> None:
        """Let the pieces of a concatenation along the first axis be made in their places."""
        out = node.output
        if node.options.get("axis", 0) != 0 or not contiguous(out):
            return
        block, offset = self.layout.places[id(out)]
        if block.home is not None:
            return
        written = self.layout.written.setdefault(id(node), set())
        for i, piece in enumerate(node.args[0]):
            if self._may_be_a_piece(piece, out):
                self.layout.places[id(piece.root)] = block, offset
                block.live(self.index[id(piece.root)], self.last[id(piece.root)])
                written.add(i)
            offset += piece.n_bytes

    def _may_be_a_piece(self, piece: Any, out: Value) -> bool:
        root = piece.root
        whole = root.n_bytes == piece.n_bytes and contiguous(root) and contiguous(piece)
        made = id(root) in self.index and root.node is not None and root.node.op != "concat"
        return whole and made and id(root) not in self.layout.places and piece.dtype == out.dtype


def lay_out(
    graph: Graph, units: Sequence[Unit], inputs: Iterable[Value],
    runs_in_c: Callable[[Unit], bool],
) -> Layout:  # fmt: skip
    """Return where the values of a graph may lie; `inputs` live before and after it runs.

    `runs_in_c(unit)` says whether no interrupt can come into a unit: it has no Python in it.
    """
    return _Planner(graph, units, list(inputs), runs_in_c).run()


def pack(blocks: Iterable[Block]) -> int:
    """Give every block of the arena its offset; return how many bytes they need together.

    Blocks that live at the same time must not overlap. The largest choose first, each the lowest
    place that is free: within some percent of the least possible for such graphs.

    Source: Pisarchyk & Lee, "Efficient memory management for deep neural net inference", 2020,
    section 5.2 (greedy by size).
    """
    in_arena = sorted((b for b in blocks if b.home is None), key=lambda b: -b.n_bytes)
    placed, end = np.empty((4, len(in_arena))), 0  # births, deaths, begins, stops; by begin
    for n, block in enumerate(in_arena):
        births, deaths, begins, stops = placed[:, :n]
        meets = (births <= block.death) & (deaths >= block.birth)
        block.offset = _lowest_gap(begins[meets], stops[meets], block.n_bytes)
        at = np.searchsorted(begins, block.offset)
        placed[:, at + 1 : n + 1] = placed[:, at:n]
        stop = rounded_up(block.offset + block.n_bytes + GAP)
        placed[:, at] = block.birth, block.death, block.offset, stop
        end = max(end, block.offset + block.n_bytes)
    return rounded_up(end)


def _lowest_gap(begins: np.ndarray, stops: np.ndarray, n_bytes: int) -> int:
    """Return where the first gap of n_bytes begins between pieces that are sorted by begin."""
    free = np.concatenate(([0], np.maximum.accumulate(stops)))
    fits = np.append(free[:-1] + n_bytes < begins, True)
    return int(free[fits.argmax()])


def rounded_up(n_bytes: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT
