"""Memory planning: which buffer each value of a plan is written to, and which values share one.

A value is live from the unit that computes it to the last unit that reads it. Four rules assign
buffers. Units are visited from last to first, so that an output has a buffer before its inputs.

    1 home     the new value of a state is computed in the state's own memory, its home, unless a
               later unit still reads the old value
    2 pieces   the inputs of a concatenation are computed in their slices of its output
    3 in turn  an element-wise unit overwrites an input that is not read any more
    4 alone    every other value gets a block of its own

One step of y = x w + b by gradient descent, both parameters in one vector `flat`:

    unit                 last read of    rule    buffer
    0  z = x @ w                         3       block A
    1  e = z - y         z               4       block A
    2  dw = x.T @ e                      2       block B, from its first byte
    3  db = sum(e, 0)    e               2       block B, behind dw
    4  g = [dw, db]                      3       block B: nothing is copied
    5  m = lr * g        g               4       block B
    6  flat = flat - m   flat, m         1       home of flat

What a unit needs while it runs, partial results of sums say, is a block that lives that long.
The blocks are packed into one piece of memory, the arena (packing.py).

An interrupted step must leave all states as before the step, or all as after it. So a home is
written only if no later unit can be interrupted; otherwise the new value is computed in the arena
and copied to its home at the end of the step.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from portanet.compiler.fusion.indexing import contiguous
from portanet.compiler.fusion.units import Unit
from portanet.compiler.graph.graph import Graph, Node, Value
from portanet.compiler.memory.lifetimes import Lifetimes, pieces_of
from portanet.compiler.memory.packing import Block, pack


@dataclass(eq=False)
class Layout:
    """The buffer of every value that owns memory: (block, offset in it in bytes), by id.

    temporaries  the blocks of buffers that a unit needs while it runs, by the buffer's id
    copies       states whose new value is copied to their homes at the end: (name, value)
    written      for each concatenation, by the node's id: the inputs that are in place already
    n_bytes      the size of the arena
    commit       the first unit that writes a home: it and all later ones run without interruption
    """

    places: dict[int, tuple[Block, int]] = field(default_factory=dict)
    temporaries: dict[int, Block] = field(default_factory=dict)
    copies: list[tuple[str, Value]] = field(default_factory=list)
    written: dict[int, set[int]] = field(default_factory=dict)
    n_bytes: int = 0
    commit: int = 0

    def is_at_home(self, value: Value) -> bool:
        """Return whether a value is computed in the memory of a state."""
        return self.places[id(value)][0].home is not None


def lay_out(
    graph: Graph, units: Sequence[Unit], inputs: Iterable[Value],
    runs_in_c: Callable[[Unit], bool],
    temporaries: Callable[[Unit], Iterable[Any]] = lambda unit: (),  # noqa: ARG005
) -> Layout:  # fmt: skip
    """Return the memory layout of a graph's values; `inputs` are live all the time.

    `runs_in_c(unit)` says whether a unit runs without Python bytecode: it cannot be interrupted.
    `temporaries(unit)` returns the buffers, of n_bytes each, that a unit needs while it runs.
    """
    planner = _Planner(graph, units, list(inputs), runs_in_c)
    layout = planner.run()
    at_home = (i for i, unit in enumerate(units) if any(map(layout.is_at_home, unit.outputs)))
    layout.commit = next(at_home, len(units))
    layout.temporaries = {
        id(b): Block(b.n_bytes, birth=i, death=i)
        for i, unit in enumerate(units)
        for b in temporaries(unit)
    }
    blocks = {id(b): b for b, _ in layout.places.values()}
    layout.n_bytes = pack([*blocks.values(), *layout.temporaries.values()])
    return layout


class _Planner:
    def __init__(
        self, graph: Graph, units: Sequence[Unit], inputs: Sequence[Value],
        runs_in_c: Callable[[Unit], bool],
    ) -> None:  # fmt: skip
        self.graph, self.units, self.layout = graph, units, Layout()
        self.places, self.lives = self.layout.places, Lifetimes(graph, units, inputs)
        self.made_by = {id(v): unit for unit in units for v in unit.outputs}
        interruptible = [i for i, unit in enumerate(units) if not runs_in_c(unit)]
        self.first = interruptible[-1] + 1 if interruptible else 0  # unit that may write a home
        for value in inputs:
            self.places[id(value)] = block, _ = Block(value.n_bytes), 0
            block.use(-1, inf)

    def run(self) -> Layout:
        for name, value in self.graph.updates.items():
            self._place_at_home(name, value)
        for unit in reversed(self.units):
            for value in unit.outputs:
                self._place_alone(value)
                self._place_pieces(value)
            for value in unit.outputs:
                self._place_in_turn(unit, value)
        return self.layout

    # rule 1: home

    def _place_at_home(self, name: str, value: Value) -> None:
        """Assign a state's new value to the state's home, or a copy to it at the end."""
        state = self.graph.states[name]
        if value is state:
            return
        if id(value) in self.places or not self._may_be_made_at(state, value):
            self.layout.copies.append((name, value))
            self.lives.keep(value)
        else:
            self.places[id(value)] = Block(value.n_bytes, home=name), 0

    def _may_be_made_at(self, state: Value, value: Value) -> bool:
        if value.base is not None or not self.lives.is_made(value) or self.lives.is_pinned(value):
            return False
        if value.dtype != state.dtype or value.strides != state.strides:
            return False
        return self._is_free(state, value)

    def _is_free(self, state: Value, value: Value) -> bool:
        """Return whether a state's memory may be overwritten by `value`: nothing reads it later."""
        made, read = self.lives.made(value), self.lives.last_read(state)
        if made < self.first:
            return False
        return read < made or (read == made and self.made_by[id(value)].reads_alike(state, value))

    # rule 2: pieces

    def _place_pieces(self, value: Value) -> None:
        """Assign the inputs of a concatenation along the first axis to slices of its output."""
        node, (block, offset) = value.node, self.places[id(value)]
        if node is None or not pieces_of(value) or not _may_hold_pieces(node) or block.home:
            return
        written = self.layout.written.setdefault(id(node), set())
        for i, piece in enumerate(pieces_of(value)):
            if self._may_be_a_piece(piece, value):
                self.places[id(piece.root)] = block, offset
                block.use(self.lives.made(piece.root), self.lives.last_read(piece))
                written.add(i)
            offset += piece.n_bytes

    def _may_be_a_piece(self, piece: Value, out: Value) -> bool:
        root = piece.root
        whole = root.n_bytes == piece.n_bytes and contiguous(root) and contiguous(piece)
        made = self.lives.is_made(root) and not pieces_of(root)
        return whole and made and id(root) not in self.places and piece.dtype == out.dtype

    # rule 3: in turn

    def _place_in_turn(self, unit: Unit, out: Value) -> None:
        """Assign an output's buffer to an input that dies here and is read element by element."""
        for value in unit.inputs:
            if self._may_turn_into(value, unit, out):
                self.places[id(value)] = self.places[id(out)]
                return

    def _may_turn_into(self, value: Value, unit: Unit, out: Value) -> bool:
        block, _ = self.places[id(out)]
        if value.kind != "node" or value.base is not None or id(value) in self.places:
            return False
        if value.dtype != out.dtype or value.strides != out.strides:
            return False
        if self.lives.death(value) != self.lives.made(out) or not unit.reads_alike(value, out):
            return False
        return block.home is None or self._is_free(self.graph.states[block.home], value)

    # rule 4: alone

    def _place_alone(self, value: Value) -> None:
        """Assign a block of its own to a value without a buffer; extend the block's lifetime."""
        block, _ = self.places.setdefault(id(value), (Block(value.n_bytes), 0))
        made = self.lives.made(value)
        block.use(made, max(made, self.lives.last_read(value)))


def _may_hold_pieces(node: Node) -> bool:
    return node.options.get("axis", 0) == 0 and contiguous(node.output)
