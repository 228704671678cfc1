"""Hooks: the callbacks of a trainer, and which of them are to be called after each step."""

from collections.abc import Sequence
from typing import Any

from portanet.callbacks.callback import Callback
from portanet.errors import ArgumentError, CheckpointError, short
from portanet.overrides import is_overridden
from portanet.state import State, is_stateful, load_together


class Hooks:
    """Calls the hooks of several callbacks, in their order."""

    def __init__(self, callbacks: Sequence[Callback], *, is_first: bool = True) -> None:
        self._is_first = is_first
        self.callbacks = sorted(check_callbacks(callbacks), key=lambda c: (c.saves, not c.checks))
        self.of_steps = [c for c in self.callbacks if is_overridden(c, Callback, "on_step_end")]

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of all callbacks."""
        for callback in self.called():
            getattr(callback, hook)(*arguments)

    def step_end(self, trainer: Any) -> None:
        """Call on_step_end of those that have one."""
        for callback in self.of_steps:
            if callback.everywhere or self._is_first:
                callback.on_step_end(trainer)

    def called(self) -> list[Callback]:
        """Return the callbacks that this rank calls: rank 0 all of them."""
        return [c for c in self.callbacks if c.everywhere or self._is_first]

    def end(self, trainer: Any) -> None:
        """Call on_train_end of all callbacks, also where one raises; then the first error."""
        errors: list[BaseException] = []
        for callback in self.called():
            try:
                callback.on_train_end(trainer)
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)
        if errors:
            raise errors[0]


def check_callbacks(callbacks: Any) -> list[Callback]:
    """Return callbacks as a list. Raises ArgumentError for what is none."""
    if not isinstance(callbacks, list | tuple):
        raise ArgumentError(f"Trainer: callbacks must be a list, is {short(callbacks)}")
    for i, callback in enumerate(callbacks):
        if not isinstance(callback, Callback):
            advice = "; make one of it with ()" if isinstance(callback, type) else ""
            raise ArgumentError(
                f"Trainer: callbacks[{i}] must be a Callback such as EarlyStopping(patience=3), is "
                f"{short(callback)}{advice}"
            )
    return list(callbacks)


def states_of(callbacks: Sequence[Callback]) -> State:
    """Return the states of all callbacks that have one, together."""
    found = State({}, {})
    for name, callback in _stateful(callbacks).items():
        state = callback.state()
        found.numbers[name] = state.numbers
        for key, array in state.arrays.items():
            found.arrays[f"{name}/{key}"] = array
    return found


def load_states(callbacks: Sequence[Callback], arrays: dict[str, Any], numbers: Any) -> None:
    """Let callbacks go on from their states. What was saved of others is left.

    Raises CheckpointError unless there is a dict for each; if it raises, all are as before.
    """
    if not isinstance(numbers, dict) or not all(isinstance(n, dict) for n in numbers.values()):
        raise CheckpointError(
            f"Trainer.load_state: callbacks of the state must be a dict for each, are "
            f"{short(numbers)}"
        )
    states: dict[str, State] = {name: State({}, of_one) for name, of_one in numbers.items()}
    for path, array in arrays.items():
        name, _, key = path.partition("/")
        if name in states:
            states[name].arrays[key] = array
    named = {name: part for name, part in _stateful(callbacks).items() if name in states}
    load_together(list(named.values()), [states[name] for name in named])


def names_of(callbacks: Sequence[Callback]) -> set[str]:
    """Return the names under which states of callbacks are saved."""
    return set(_stateful(callbacks))


def _stateful(callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Return the callbacks with a state by their names: kind and number among those of the kind."""
    named: dict[str, Any] = {}
    for callback in callbacks:
        if is_stateful(callback):
            kind = type(callback).__name__
            named[f"{kind}-{sum(type(c) is type(callback) for c in named.values())}"] = callback
    return named
