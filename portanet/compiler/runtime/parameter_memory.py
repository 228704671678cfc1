"""Store: the memory in which a compiled model lives, and whose attributes show it.

Parameters of a group lie end to end in one vector, and so do their slots; what layers and the
optimizer hold are views. A readable step, a checkpoint or a user may put another array there at any
time: `adopt` takes its numbers over and puts the view back.

Where arrays cannot be written in place (`engine.replaces`) there are no views: each state is an
array of its own, which a step replaces, and `show` hands the new ones out.
"""

from typing import Any

from portanet.backends import backend_of
from portanet.compiler.tracing.optimizer_rules import RuleGroup
from portanet.compiler.tracing.trace import Trace
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array

_TOTALS = ("total:loss", "total:weight")


class Store:
    """Homes of all states by name, and who shows them."""

    def __init__(self, model: Sequential, optimizer: Optimizer, trace: Trace, engine: Any) -> None:
        self._new, self._copy, self._replaces = engine.new, engine.copy, engine.replaces
        self._optimizer = optimizer
        self.homes = {name: self._new(array) for name, array in trace.tape.states.items()}
        self._views = self.homes if self._replaces else dict(self.homes)
        for group in trace.groups:
            self._views |= self._pieces(group)
        self.parameters = [(p, n, p.trainable) for n, p in model.named_parameters().items()]
        self.buffers = [(b, name) for name, b in model.named_buffers().items()]
        self._slots = {
            name: {key: f"{name}/{key}" for key in group.slot_names[name]}
            for group in trace.groups
            for name in group.names
        }
        self._sums = {n: f"{n}/+" for group in trace.groups for n in group.names if group.sums}

    def put(self, name: str, array: Array) -> None:
        """Give a state an array's numbers."""
        if self._replaces:
            self._views[name] = self._new(array)
        else:
            self._copy(self._views[name], array)

    def take(self, states: dict[str, Array]) -> None:
        """Take over what a traced step has made of the states; its losses are added up."""
        for name, array in states.items():
            self.put(name, self.homes[name] + array if name in _TOTALS else array)

    def totals(self) -> dict[str, Array]:
        """Return the sums of the epoch."""
        return {name: self.homes[name] for name in _TOTALS if name in self.homes}

    def clear_totals(self) -> None:
        """Begin an epoch's sums anew."""
        for name, total in self.totals().items():
            self.put(name, backend_of(total).xp.zeros_like(total))

    def without_totals(self) -> dict[str, Array]:
        """Return all homes but the sums of the epoch, which are sums of losses."""
        return {name: home for name, home in self.homes.items() if name not in _TOTALS}

    def copies(self) -> dict[str, Array]:
        """Return copies of all homes."""
        return {name: self._new(home) for name, home in self.homes.items()}

    def restore(self, copies: dict[str, Array]) -> None:
        """Give all homes the numbers of copies, and show them."""
        for name, array in copies.items():
            self.put(name, array)
        self.show()

    def shown(self) -> bool:
        """Return whether the model still shows this memory, and nobody was frozen or set free."""
        views = self._views
        for p, name, trainable in self.parameters:
            if p.value is not views[name] or p.trainable is not trainable:
                return False
        for b, name in self.buffers:  # noqa: SIM110 - every step asks, and a loop is fastest
            if b.value is not views[name]:
                return False
        return True

    def adopt(self) -> None:
        """Take over the numbers of what the model and the optimizer hold now; show the memory."""
        for holder, name, *_ in (*self.parameters, *self.buffers):
            self._adopt(name, holder.value)
        for name, slots in self._slots.items():
            held = self._optimizer.memory.slots.get(name) or self._fresh_slots(name)
            for key, path in slots.items():
                self._adopt(path, held[key])
        for name, path in self._sums.items() if self._optimizer.n_accumulated else ():
            total, view = self._optimizer.memory.sums.get(name), self._views[path]
            self._adopt(path, backend_of(view).xp.zeros_like(view) if total is None else total)
        self.show()

    def _adopt(self, name: str, array: Array) -> None:
        if array is not self._views[name]:
            self.put(name, array)

    def _fresh_slots(self, name: str) -> dict[str, Array]:
        """Return the slots of a parameter that has none: an optimizer's state has been loaded."""
        parameter = next(p for p, known, _ in self.parameters if known == name)
        return self._optimizer.rule_of(name, parameter).init(self._views[name])

    def show(self) -> None:
        """Let the model and the optimizer hold views, whose numbers are right already."""
        views = self._views
        for p, name, _ in self.parameters:
            p.value = views[name]
        for b, name in self.buffers:
            b.value = views[name]
        for name, slots in self._slots.items():
            self._optimizer.memory.slots[name] = {key: views[path] for key, path in slots.items()}
        self.show_sums()

    def show_sums(self) -> None:
        """Let the optimizer hold the sums of gradients while some wait there."""
        if not self._sums:
            return
        shown = self._sums if self._optimizer.n_accumulated > 0 else {}
        sums = {name: self._views[path] for name, path in shown.items()}
        self._optimizer.memory.sums = sums

    def _pieces(self, group: RuleGroup) -> dict[str, Array]:
        """Return what shows each parameter's piece of a group's vectors, by its own name."""
        if group.flat is None:
            return {}
        found = {}
        for name, tracer in group.values.items():
            node: Any = tracer.traced.node
            found[name] = node.function(self.homes[f"flat:{group.number}"])
            for key in group.slot_names[name]:
                found[f"{name}/{key}"] = node.function(self.homes[f"flat:{group.number}/{key}"])
        return found
