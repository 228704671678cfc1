"""Store: the memory in which a compiled model lives, and whose attributes show it.

Parameters of a group lie end to end in one vector, and so do their slots; what layers and the
optimizer hold are views. A readable step, a checkpoint or a user may put another array there at any
time: `adopt` takes its numbers over and puts the view back.
"""

from typing import Any

from portanet.compiler.rules import RuleGroup
from portanet.compiler.trace import Trace
from portanet.layer import Sequential
from portanet.optimizer import Optimizer
from portanet.typing import Array

_TOTALS = ("total:loss", "total:weight")


class Store:
    """Homes of all states by name, and who shows them."""

    def __init__(self, model: Sequential, optimizer: Optimizer, trace: Trace, engine: Any) -> None:
        self._new, self._copy, self._optimizer = engine.new, engine.copy, optimizer
        self.homes = {name: self._new(array) for name, array in trace.tape.states.items()}
        views = dict(self.homes)
        for group in trace.groups:
            views |= self._views(group)
        self.parameters = [(p, views[n], p.trainable) for n, p in model.named_parameters().items()]
        self.buffers = [(b, views[name]) for name, b in model.named_buffers().items()]
        self._slots = {
            name: {key: views[f"{name}/{key}"] for key in group.slot_names[name]}
            for group in trace.groups
            for name in group.names
        }
        self._sums = {n: views[f"{n}/+"] for g in trace.groups for n in g.names if g.sums}

    def take(self, states: dict[str, Array]) -> None:
        """Take over what a traced step has made of the states; its losses are added up."""
        for name, array in states.items():
            home = self.homes[name]
            self._copy(home, home + array if name in _TOTALS else array)

    def totals(self) -> dict[str, Array]:
        """Return the sums of the epoch."""
        return {name: self.homes[name] for name in _TOTALS if name in self.homes}

    def copies(self) -> dict[str, Array]:
        """Return copies of all homes."""
        return {name: self._new(home) for name, home in self.homes.items()}

    def restore(self, copies: dict[str, Array]) -> None:
        """Give all homes the numbers of copies."""
        for name, home in self.homes.items():
            self._copy(home, copies[name])

    def shown(self) -> bool:
        """Return whether the model still shows this memory, and nobody was frozen or set free."""
        for p, view, trainable in self.parameters:
            if p.value is not view or p.trainable is not trainable:
                return False
        return all(b.value is view for b, view in self.buffers)

    def adopt(self) -> None:
        """Take over the numbers of what the model and the optimizer hold now; show the memory."""
        for holder, view, *_ in (*self.parameters, *self.buffers):
            if holder.value is not view:
                self._copy(view, holder.value)
                holder.value = view
        for name, views in self._slots.items():
            held = self._optimizer._slots.get(name, {})
            for key, view in views.items():
                if key in held and held[key] is not view:
                    self._copy(view, held[key])
            self._optimizer._slots[name] = dict(views)
        for name, total in self._optimizer._sums.items():
            if name in self._sums and total is not self._sums[name]:
                self._copy(self._sums[name], total)
        self.show_sums()

    def show(self) -> None:
        """Let the model and the optimizer hold views, whose numbers are right already."""
        for holder, view, *_ in (*self.parameters, *self.buffers):
            holder.value = view
        for name, views in self._slots.items():
            self._optimizer._slots[name] = dict(views)
        self.show_sums()

    def show_sums(self) -> None:
        """Let the optimizer hold the sums of gradients while some wait there."""
        waiting = self._optimizer.n_accumulated > 0
        self._optimizer._sums = dict(self._sums) if waiting else {}

    def _views(self, group: RuleGroup) -> dict[str, Array]:
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
