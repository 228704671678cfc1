"""What an optimizer remembers from step to step."""

from collections.abc import Mapping
from typing import Any

from portanet.backends import Backend, backend_of
from portanet.checks import dtype_name
from portanet.errors import OrderError
from portanet.layer import Parameter, moved
from portanet.rule import Slots
from portanet.state import State, check_like, sorted_slots
from portanet.typing import Array
from portanet.versioned import advance_version


class OptimizerMemory:
    """All that training changes in an optimizer; groups of parameters share it.

    n_steps        how often the parameters have moved
    n_accumulated  how many gradients wait for the next move
    slots, ages    each parameter's slots, and how often it has moved
    sums, used     the sum of its waiting gradients, and the gradient that the last step used
    owners         the Parameter that these belong to
    home           the backend and the dtype that the arrays have

    Keys are the names of parameters in the model. As a name can come to stand for another
    parameter, `match` is called first with the model's parameters, and `follow` with one's value.
    """

    def __init__(self) -> None:
        self.n_steps = self.n_accumulated = 0
        self.slots: dict[str, Slots] = {}
        self.ages: dict[str, int] = {}
        self.sums: dict[str, Array] = {}
        self.used: dict[str, Array] = {}
        self.owners: dict[str, Parameter] = {}
        self.home: tuple[Backend, str] | None = None

    def reset(self) -> None:
        """Forget all steps: the next is the first. Parameters stay the ones they are."""
        vars(self).update(n_steps=0, n_accumulated=0, slots={}, ages={}, sums={}, used={})

    def match(self, parameters: Mapping[str, Parameter]) -> None:
        """Give each parameter the name that it has now, and forget those that are gone.

        A Parameter that was put in another's place has no slots yet and begins at age 0.
        """
        if self.owners == parameters:  # a Parameter is equal to itself only
            return
        names = {id(parameter): name for name, parameter in parameters.items()}
        name_now = {old: names.get(id(parameter)) for old, parameter in self.owners.items()}
        tables = {
            table: {name: kept for old, kept in held.items() if (name := name_now.get(old))}
            for table, held in self._tables().items()
        }
        advance_version()
        vars(self).update(tables, owners=dict(parameters))

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {"slots": self.slots, "ages": self.ages, "sums": self.sums, "used": self.used}

    def follow(self, value: Array) -> None:
        """Move the slots and sums to a value's backend and dtype."""
        home = backend_of(value), dtype_name(value.dtype)
        if home == self.home:
            return
        slots = {name: _all_moved(own, home) for name, own in self.slots.items()}
        advance_version()
        vars(self).update(slots=slots, sums=_all_moved(self.sums, home), home=home)

    def slots_like(self, values: Mapping[str, Array]) -> dict[str, Slots]:
        """Return the slots of parameters, each on its value's backend and in its dtype."""
        return {
            name: _all_moved(self.slots[name], (backend_of(value), dtype_name(value.dtype)))
            for name, value in values.items()
            if name in self.slots
        }

    def new_gradients(self, who: str, parameters: Mapping[str, Parameter]) -> dict[str, Array]:
        """Return the parameters' gradients. Raises OrderError if one is missing or was used before.

        Raises ShapeError or DtypeError unless each is like its value.
        """
        grads = {}
        for name, parameter in parameters.items():
            grad, value = parameter.grad, parameter.value
            if grad is None or grad is self.used.get(name):
                state = "no gradient" if grad is None else "a gradient that was used before"
                raise OrderError(
                    f"{who}: {name} has {state}; run model.forward(x, training=True), the "
                    "criterion and model.backward() before each step(); the backward of a layer "
                    "of yours must set .grad"
                )
            if grad.shape != value.shape or grad.dtype != value.dtype:
                check_like(who, f"the gradient of {name}", grad, value)
            grads[name] = grad
        return grads

    def accumulated(
        self, grads: dict[str, Array], n_wanted: int
    ) -> tuple[dict[str, Array] | None, dict[str, Any]]:
        """Return the mean of n_wanted gradients once there are as many, and what changes here."""
        if n_wanted == 1:
            return grads, {"used": grads}
        sums, n = self.sums, self.n_accumulated + 1
        sums = {name: sums[name] + g if name in sums else g for name, g in grads.items()}
        if n < n_wanted:
            return None, {"used": grads, "sums": sums, "n_accumulated": n}
        mean = {name: total / n_wanted for name, total in sums.items()}
        return mean, {"used": grads, "sums": {}, "n_accumulated": 0}

    def state(self) -> State:
        """Return copies of all arrays, by "name of the parameter/slot", and the numbers.

        The sum of a parameter's gradients is the slot "+".
        """
        arrays = {f"{n}/{key}": a for n, slots in self.slots.items() for key, a in slots.items()}
        arrays |= {f"{name}/+": total for name, total in self.sums.items()}
        # copies, as compiled steps write into these arrays
        arrays = {n: backend_of(a).xp.asarray(a, copy=True) for n, a in arrays.items()}
        numbers = {"n_steps": self.n_steps, "n_accumulated": self.n_accumulated}
        return State(arrays, numbers | {"ages": dict(self.ages)})

    def load(
        self,
        who: str,
        state: State,
        parameters: Mapping[str, Parameter],
        wanted: Mapping[str, set[str]],
    ) -> None:
        """Go on from a state; `wanted` are the names of each parameter's slots.

        Raises ArgumentError, ShapeError or DtypeError, before anything has changed, unless the
        state is one of these parameters with these slots.
        """
        slots, sums = sorted_slots(who, state, parameters, wanted)
        numbers = state.numbers
        self.match(parameters)  # gradients that were used before stay so
        advance_version()
        vars(self).update(
            slots=slots, sums=sums, ages=dict(numbers["ages"]), owners=dict(parameters),
            n_steps=numbers["n_steps"], n_accumulated=numbers["n_accumulated"],
            home=None,  # the arrays are moved at the next step
        )  # fmt: skip


def _all_moved(arrays: dict[str, Array], home: tuple[Backend, str]) -> dict[str, Array]:
    return {name: moved(array, *home) for name, array in arrays.items()}
