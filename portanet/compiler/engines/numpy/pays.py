"""When compiling has paid: a rule over the graph, so that the same script gives the same bits.

A clock would switch at another step each time, and what is compiled rounds otherwise. So the
seconds that compiling takes and those that it saves in a step are estimated, from what was measured
on one core: a kernel takes some 40 ms to compile, LLVM's start 120, the plan's verification 80; an
operation of NumPy takes 0.5 µs longer than the same in a kernel, and 0.05 ns more for each byte
that it reads or writes.
"""

from math import ceil
from typing import Any

from portanet.backends._llvm import machine
from portanet.compiler.graph.graph import Graph, Node

_START, _VERIFICATION, _A_KERNEL = 0.12, 0.08, 0.04  # seconds
_A_CALL, _A_BYTE = 0.5e-6, 0.05e-9
_OPERATIONS = 3  # of different kinds, for each kernel


def steps_until_it_pays(graph: Graph) -> int:
    """Return after how many steps a compiled plan has saved what compiling takes."""
    kinds = _kinds(graph)
    return ceil((_START + _VERIFICATION + _compiling(kinds)) / _saved(graph)) if kinds else 0


class Savings:
    """When compiling has paid, of a plan that keeps its bits: all of a process's steps count.

    Many short trainings, such as a search's, have a compiled plan so. What is compiled once is
    there for later plans: they wait for less.
    """

    _lost = 0.0  # seconds that steps have taken longer so far, less what compiling took
    _known: frozenset[Any] = frozenset()  # the kinds of operations that have been compiled

    def __init__(self, graph: Graph) -> None:
        self._kinds, self._saved, self._counted = _kinds(graph), _saved(graph), 0

    def is_due(self, n_replays: int, n_to_come: int) -> bool:
        """Count the steps that a plan has taken; return whether compiling has paid, or will."""
        Savings._lost += self._saved * max(0, n_replays - self._counted)
        self._counted = n_replays
        cost = self._cost()
        if Savings._lost + self._saved * n_to_come < cost or not machine.available():
            return False
        Savings._lost -= cost
        Savings._known |= self._kinds
        return True

    def _cost(self) -> float:
        """Return the seconds of compiling: half of others', as there are no functions inside.

        Operations of known kinds may be fused otherwise: a fourth of them is taken for new.
        """
        start, known = 0 if Savings._known else _START, self._kinds & Savings._known
        return start + (_compiling(self._kinds - known) + _compiling(known) / 4) / 2


def _kinds(graph: Graph) -> frozenset[Any]:
    """Return the kinds of operations that a graph has."""
    nodes = [node for node in graph.nodes if not node.is_view]
    return frozenset((node.op, *(len(value.shape) for value in node.inputs)) for node in nodes)


def _compiling(kinds: frozenset[Any]) -> float:
    return _A_KERNEL * len(kinds) / _OPERATIONS


def _saved(graph: Graph) -> float:
    """Return the seconds that a compiled step takes less."""
    nodes = (node for node in graph.nodes if not node.is_view)
    return sum(_A_CALL + _A_BYTE * _n_bytes(node) for node in nodes)


def _n_bytes(node: Node) -> int:
    """Return what an operation reads and writes; products are as fast in NumPy."""
    if node.op == "matmul":
        return 0
    return sum(value.n_bytes for value in (*node.inputs, *node.outputs))
