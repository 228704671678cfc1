"""What is saved of a run, so that it goes on: history, place, callbacks, streams of chance."""

from typing import Any

from portanet.errors import ArgumentError, CheckpointError, short
from portanet.state import State, entry, is_number
from portanet.training.hooks import load_states, states_of
from portanet.training.streams import check_streams, set_streams, streams_of

_WHO = "Trainer.load_state"


def state_of(trainer: Any) -> State:
    """Return the state of a trainer's run.

    Raises ArgumentError if a callback has put something into the history that is no number: such
    a state could not be loaded.
    """
    for row in trainer.history:
        if not _is_row(row):
            raise ArgumentError(
                f"Trainer.state: rows of history must be dicts of numbers by name, one is "
                f"{short(row)}"
            )
    callbacks = states_of(trainer.all_callbacks)
    numbers = {
        "history": [dict(row) for row in trainer.history],
        "streams": streams_of(trainer.model, trainer.train_dl, trainer.val_dl),
        "n_steps": trainer.n_steps,
        "position": trainer.position,
        "sums": trainer.steps.loss_sums() if trainer.position else [],
        "callbacks": callbacks.numbers,
    }
    return State(callbacks.arrays, numbers)


def load_run_state(trainer: Any, state: State) -> None:
    """Let a trainer go on from a state; in one of an older portanet no epoch is in progress.

    Raises CheckpointError, or what a callback raises, before anything has changed.
    """
    older = {"n_steps": 0, "position": 0, "sums": [], "callbacks": {}}
    known = State(state.arrays, older | state.numbers)
    history = entry(_WHO, known, "history", "a list")
    for row in history:
        if not _is_row(row):
            raise CheckpointError(
                f"{_WHO}: rows of history must be dicts of numbers by name, one is {short(row)}"
            )
    streams = entry(_WHO, known, "streams", "a list")
    check_streams(streams, trainer.model, trainer.train_dl, trainer.val_dl)
    n_steps, position, sums = _place(trainer, known)
    dl = trainer.train_dl
    if position and not streams[0][-1] and not (dl.makes_batches() or dl.has_own_order()):
        raise CheckpointError(f"{_WHO}: within an epoch the loader must have begun one, has not")
    load_states(trainer.all_callbacks, known.arrays, known.numbers["callbacks"])
    trainer.begin_average(unless_in=known.numbers["callbacks"])
    set_streams(streams, trainer.model, trainer.train_dl, trainer.val_dl)
    trainer.history = [dict(row) for row in history]
    trainer.n_steps, trainer.position = n_steps, position
    if position:
        trainer.steps.resume(sums)


def _place(trainer: Any, state: State) -> tuple[int, int, list[float]]:
    """Return n_steps, the position in the epoch, and the sums of its losses, once they fit."""
    n_steps = entry(_WHO, state, "n_steps", "an integer >= 0")
    position = entry(_WHO, state, "position", "an integer >= 0")
    sums = entry(_WHO, state, "sums", "a list")
    if position > n_steps:
        raise CheckpointError(
            f"{_WHO}: position of the state must be at most n_steps, {n_steps}, is {position}"
        )
    n = trainer.steps_per_epoch
    if n is not None and position > n:
        raise CheckpointError(
            f"{_WHO}: position of the state must be at most {n}, the batches of an epoch, is "
            f"{position}; make the loader with the data and the batch size of the saved one"
        )
    if position and not (len(sums) in (2, 4) and all(map(is_number, sums))):
        raise CheckpointError(
            f"{_WHO}: sums of the state must be two or four numbers within an epoch, are "
            f"{short(sums)}"
        )
    return n_steps, position, sums


def _is_row(row: Any) -> bool:
    """Return whether a row is a dict of numbers by name: nearly always of floats, found fast."""
    if type(row) is dict and {*map(type, row)} == {str} and {*map(type, row.values())} == {float}:
        return True
    is_dict = isinstance(row, dict) and all(isinstance(name, str) for name in row)
    return is_dict and all(is_number(value) or isinstance(value, bool) for value in row.values())
