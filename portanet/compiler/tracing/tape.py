"""Tape: writes down what happens to tracers, as a graph."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from portanet.backends import Backend, backend_of
from portanet.compiler.errors import TraceError
from portanet.compiler.graph.graph import Graph, Node, replaced, value_like
from portanet.compiler.graph.host_draw import HostDraw
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.tracing.arguments import LISTS, Arguments
from portanet.compiler.tracing.layout import in_c_order
from portanet.compiler.tracing.namespace import TracedNamespace
from portanet.compiler.tracing.refusals import reason_not
from portanet.compiler.tracing.tracer import Tracer
from portanet.dispatch import Accelerable, placed

# Their result does not depend on the numbers in their first argument.
_SHAPE_ONLY = {"zeros_like", "ones_like", "empty_like"}


class Tape(Arguments):
    """Writes down what happens to the tracers that it has made."""

    def __init__(self, backend: Backend, same_memory: Callable[[Any, Any], bool]) -> None:
        self.backend, self.same_memory = backend, same_memory
        self.graph = Graph()
        self.place_at_work: Callable[[], str] = str  # says which part of a model is computing
        self.namespace = TracedNamespace(self, backend.xp)
        self.around_draw: Callable[[Any], Any] = lambda draw: draw()
        self.inlined: frozenset[str] = frozenset()  # kernels that the plan does without
        self.closed = False
        self.failed: str | None = None  # why not, also where somebody has caught the error
        self.results: dict[str, Any] = {}  # the arrays that the traced step gave
        self.states: dict[str, Any] = {}  # and those that it began with, or left
        self._kind = type("Tracer", (Tracer,), {"__portanet_backend__": backend})
        self._constants: dict[int, Tracer] = {}
        self._alive: list[Any] = []
        self._kinds = (Tracer, type(backend.xp.empty((0,))), np.ndarray, np.generic)

    def close(self) -> None:
        """Write nothing more down: from now on tracers that somebody has kept are mere arrays."""
        self.closed, self.around_draw, self.place_at_work = True, lambda draw: draw(), str

    @property
    def may_fetch(self) -> bool:
        """Whether numbers may be taken out of arrays."""
        return self.closed

    def fail(self, why: str) -> NoReturn:
        """Raise TraceError, and remember why: code that catches the error goes another way."""
        self.failed = self.failed or why
        raise TraceError(why)

    def forget_arrays(self) -> None:
        """Let the arrays of states and results go: a plan needs to know what they look like."""
        self.results.clear()
        self.states.clear()

    def has_read(self, array: Any) -> bool:
        """Return whether an array from elsewhere has been read."""
        return id(array) in self._constants

    def leaf(self, kind: str, array: Any, name: str = "") -> Tracer:
        """Return a tracer of an array that is there when a step begins, laid out in C order."""
        array = in_c_order(array)
        return self._kind(value_like(kind, array, name=name), array, self)

    def constant(self, array: Any) -> Tracer:
        """Return a tracer of a copy of an array that is the same in every step."""
        array = in_c_order(array, copy=True)
        return self._kind(value_like("constant", array, array=array), array, self)

    def view(self, of: Tracer, name: str, function: Callable[[Any], Any], array: Any) -> Tracer:
        """Return a named piece of a state, which shows its memory, from an array of its numbers."""
        node, array = Node("view", function, (of.traced,), {}), in_c_order(array)
        value = value_like("state", array, name=name, node=node, base=of.traced)
        node.outputs.append(value)
        return self._kind(value, array, self)

    def tracer_of(self, x: Any) -> Tracer:
        """Return a tracer as it is; of any other array the tracer of a constant."""
        if isinstance(x, Tracer):
            if x.tape is not self:
                raise TraceError("an array that an earlier step has left behind is used again")
            return x
        if id(x) not in self._constants:
            array = np.asarray(x) if isinstance(x, np.generic) else x
            if backend_of(array) is not self.backend:
                raise TraceError(f"an array of {backend_of(array)} meets arrays of {self.backend}")
            self._constants[id(x)] = self.constant(array)
            self._alive.append(x)  # or its id would be another's
        return self._constants[id(x)]

    def result(self, name: str, x: Any) -> None:
        """Make an array one of the graph's results."""
        tracer = self.tracer_of(x)
        self.graph.results[name], self.results[name] = tracer.traced, tracer.array

    def state(self, name: str, array: Any) -> Tracer:
        """Return a tracer of an array that lives on from step to step."""
        tracer = self.leaf("state", array, name)
        self.graph.states[name], self.states[name] = tracer.traced, tracer.array
        return tracer

    def update(self, name: str, x: Any) -> None:
        """Say what a state is after the step."""
        tracer = self.tracer_of(x)
        self.graph.updates[name], self.states[name] = tracer.traced, tracer.array

    def record(self, op: str, function: Callable[..., Any], args: Any, options: Any) -> Any:
        """Call a function on the real arrays, and write it down."""
        if self.closed:
            return function(*_concrete(args), **_concrete(options))
        why = reason_not(op, args, options)
        if why is not None:
            self.fail(why)
        tracers: list[Tracer] = []
        real, traced = self.all_of(args, tracers)
        given, named = self.both(options, tracers) if options else ({}, {})
        result = function(*real, **given)
        node = Node(op, function, tuple(traced), named, place=self.place_at_work())
        if op in _SHAPE_ONLY or _is_constant(node, tracers):
            return self._wrapped(result, self._folded)
        wrapped = self._wrapped(result, lambda array: self._made(node, array, tracers))
        if node.outputs:
            self.graph.nodes.append(node)
        return wrapped

    def record_kernel(self, name: str, kernel: Any, plain: Any, args: Any, options: Any) -> Any:
        """Write down a call of an accelerable that this backend has a kernel for."""
        if name in self.inlined:
            return plain(*args, **options)
        return self.record(f"kernel:{name}", kernel, args, options)

    def record_draw(
        self, draw: Callable[[], Any], function: Accelerable | None, args: tuple[Any, ...]
    ) -> Any:
        """Return what `from_host` does; what is sent for it is an input, drawn anew each step."""
        if self.closed:
            return placed(draw(), self.backend, function, args)
        if function is not None and function.name in self.backend.kernels:
            return function(self._host_input(HostDraw(draw)), *args)
        return self._host_input(HostDraw(draw, function, args))

    def _host_input(self, how: HostDraw) -> Tracer:
        sent = how.sent(self.around_draw(how.draw))
        tracer = self.leaf("host", self.backend.asarray(sent))
        self.graph.hosts.append((tracer.traced, how))
        return tracer

    def _folded(self, array: Any) -> Tracer:
        """Return a tracer of what was computed from constants alone: no one else has it."""
        return self._kind(value_like("constant", array, array=array), array, self)

    def _made(self, node: Node, array: Any, tracers: list[Tracer]) -> Tracer:
        value = value_like("node", array, node=node)
        for tracer in tracers:
            if self.same_memory(array, tracer.array):
                value.base = tracer.traced
        node.outputs.append(value)
        return self._kind(value, array, self)

    def _wrapped(self, result: Any, wrap: Callable[[Any], Any]) -> Any:
        if isinstance(result, LISTS):
            return tuple(self._wrapped(part, wrap) for part in result)
        if isinstance(result, np.generic):
            result = np.asarray(result)
        return wrap(result) if hasattr(result, "shape") else result


def _is_constant(node: Node, tracers: list[Tracer]) -> bool:
    for tracer in tracers:
        if tracer.traced.kind != "constant":
            return False
    return not any(isinstance(x, HostScalar) for x in (*node.args, *node.options.values()))


def _concrete(item: Any) -> Any:
    return replaced(
        item, lambda x: x.array if isinstance(x, Tracer) else x.value, (Tracer, HostScalar)
    )
