"""ParameterMemory: owns each state's memory and lends it to the model while it trains compiled.

Parameters that one rule moves alike lie end to end in one vector (a *home*), and so do their slots.
Parameters and buffers are lent (portanet.parameter): whoever reads one is handed a copy, and
`adopt` takes back, before the next step, what was read, written or assigned meanwhile.

Where arrays cannot be written in place (`engine.replaces`: JAX) there are no views: each state is
an array of its own, which a step replaces, and readers get the array itself.
"""

from collections.abc import Mapping
from typing import Any

from portanet.backends import backend_of
from portanet.commit import update_together
from portanet.compiler.runtime.homes import Homes
from portanet.compiler.tracing.trace import Trace
from portanet.optimizer import Optimizer
from portanet.parameter import Holder, Parameter
from portanet.sequential import Sequential
from portanet.typing import Array


class ParameterMemory(Homes):
    """Homes of all states by name, and the model's and the optimizer's views of them.

    touched  somebody has read or assigned a value or a gradient since the last step
    plan     the plan that was replayed last: gradients are read from its results
    parameters, buffers  the model's, by name; shapes: those of the parameters
    shown    parameters have their gradients there
    has_moved  parameters have moved with the slots that lie here
    """

    def __init__(self, model: Sequential, optimizer: Optimizer, trace: Trace, engine: Any) -> None:
        super().__init__(trace, engine, model.backend.xp)
        self._optimizer, self.touched = optimizer, True
        self.plan: Any = None
        self.shown = self.has_moved = False
        self.parameters, self.buffers = model.named_parameters(), model.named_buffers()
        self.shapes = {name: tuple(p.peek().shape) for name, p in self.parameters.items()}
        self._whole = _home_of_all(self.parameters, trace)
        self.holders: list[tuple[Holder, str]] = [
            *((p, name) for name, p in self.parameters.items()),
            *((b, name) for name, b in self.buffers.items()),
        ]
        self._parameters = {n: held for held, n in self.holders if isinstance(held, Parameter)}
        self._name_of = {id(holder): name for holder, name in self.holders}
        self._slots = {
            name: {key: f"{name}/{key}" for key in group.slot_names[name]}
            for group in trace.groups
            for name in group.names
        }
        self._sums = {n: f"{n}/+" for group in trace.groups for n in group.names if group.sums}
        # what the optimizer was given: no need to take it over
        self._bound: dict[str, Array] = {}
        self._bound_sums: dict[str, Array] = {}

    # a Lender

    def peek(self, holder: Holder) -> Array:
        """Return the memory that a holder's array lies in."""
        return self._views[self._name_of[id(holder)]]

    def vector(self, parameters: Mapping[str, Parameter]) -> Array | None:
        """Return the home of all parameters, if there is one and each of them lies there now."""
        if self._whole is None or self.touched:
            return None
        own = self.parameters
        is_own = parameters is own or [*parameters.items()] == [*own.items()]
        return self.homes[self._whole] if is_own else None

    def fill(self, vector: Array) -> None:
        """Write other numbers into that home."""
        assert self._whole is not None
        self._copy(self.homes[self._whole], vector)

    def copy_value(self, holder: Holder) -> Array:
        """Return a copy of a holder's array, which is taken back before the next step."""
        self.touched = True
        return self._new(self.peek(holder))

    def copy_grad(self, holder: Holder) -> Array | None:
        """Return a copy of the last step's gradient, which counts as used by that step."""
        self.touched = True
        name = self._name_of[id(holder)]
        grad = self._results().get(f"grad:{name}")
        if grad is None:
            return None
        grad = self._optimizer.memory.used[name] = self._new(grad)
        return grad

    def note(self) -> None:
        """Note that a holder has an array of its own."""
        self.touched = True

    # what others have changed

    def lend(self, *, grads: bool = False) -> None:
        """Let the model and the optimizer have their arrays here, whose numbers are right.

        With `grads` gradients are those of the last replay, too.
        """
        results, targets, news = self._results() if grads else {}, [], []
        for holder, name in self.holders:
            for target, new in holder.lending(self, grad=f"grad:{name}" in results):
                targets.append(target)
                news.append(new)
        update_together(targets, news)
        self.bind_slots()
        self.touched, self.shown = False, grads

    def show(self, plan: Any, moves: bool) -> None:
        """Let gradients be read from a plan, which has been replayed and may move parameters."""
        known, had_moved = self._results().keys(), self.has_moved
        self.plan, self.has_moved = plan, self.has_moved or moves
        alike = self.shown and not self.touched and had_moved and not self._sums
        if not (alike and plan.results.keys() == known):  # of a plan for batches of another length
            self.lend(grads=True)

    def _results(self) -> dict[str, Array]:
        return {} if self.plan is None else self.plan.results

    def adopt(self) -> None:
        """Take over what the model and the optimizer have now, and lend them their arrays again.

        Interrupted at any place it can be begun again: until the end they have what is right.
        """
        for holder, name in self.holders:
            if not holder.lent(self):
                self.put(name, holder.value)
        state = self._optimizer.memory
        for name, slots in self._slots.items():
            # a rule may have none
            held = slots and (state.slots.get(name) or self._fresh_slots(name))
            for key, path in slots.items():
                self._adopt(path, held[key])
        if state.n_accumulated and state.sums is not self._bound_sums:
            for name, path in self._sums.items():
                total, view = state.sums.get(name), self._views[path]
                self._adopt(path, backend_of(view).xp.zeros_like(view) if total is None else total)
        self.lend()

    def _adopt(self, name: str, array: Array) -> None:
        if array is not self._bound.get(name):
            self.put(name, array)

    def _fresh_slots(self, name: str) -> dict[str, Array]:
        """Return the slots of a parameter that has none: an optimizer's state has been loaded."""
        return self._optimizer.rule_of(name, self._parameters[name]).init(self._views[name])

    def bind_slots(self) -> None:
        """Let the optimizer have views of its slots, and of its sums while some wait there."""
        state, views = self._optimizer.memory, self._views
        for name, slots in self._slots.items():
            # a parameter has slots once it has moved
            if name in state.ages and (self.has_moved or state.slots.get(name)):
                state.slots[name] = own = {key: views[path] for key, path in slots.items()}
                self._bound |= {path: own[key] for key, path in slots.items()}
        if self._sums:
            state.sums = self.sums(waiting=state.n_accumulated > 0)

    def sums(self, *, waiting: bool) -> dict[str, Array]:
        """Return views of the sums of gradients while some wait, for the optimizer to have."""
        found = self._bound_sums = {
            name: self._views[path] for name, path in self._sums.items() if waiting
        }
        self._bound |= {self._sums[name]: view for name, view in found.items()}
        return found

    def give_back(self) -> None:
        """Let the model have its arrays for its own: this memory is not used any more."""
        for holder, name in self.holders:
            if holder.lent(self):
                vars(holder).update(_array=self._new(self._views[name]), _lender=None)
            if isinstance(holder, Parameter):
                holder.grad = holder.grad  # a copy, which counts as used


def _home_of_all(parameters: Mapping[str, Parameter], trace: Trace) -> str | None:
    """Return the name of the vector that has all parameters in their order, if there is one."""
    first = trace.groups[0]
    has_all = first.flat is not None and first.names == list(parameters)
    return f"flat:{first.number}" if has_all else None
