"""What is saved of a run, so that it goes on: history, place, callbacks, streams of chance."""

from typing import Any

from portanet.state import State, entry
from portanet.training.hooks import load_states, states_of
from portanet.training.streams import set_streams, streams_of

_WHO = "Trainer.load_state"


def state_of(trainer: Any) -> State:
    """Return the state of a trainer's run."""
    callbacks = states_of(trainer.callbacks)
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
    """Let a trainer go on from a state; in one of an older portanet no epoch is in progress."""
    history = entry(_WHO, state, "history", "a list")
    streams = entry(_WHO, state, "streams", "a list")
    older = {"n_steps": 0, "position": 0, "sums": [], "callbacks": {}}
    known = State(state.arrays, older | state.numbers)
    n_steps = entry(_WHO, known, "n_steps", "an integer >= 0")
    position = entry(_WHO, known, "position", "an integer >= 0")
    sums = entry(_WHO, known, "sums", "a list")
    set_streams(streams, trainer.model, trainer.train_dl, trainer.val_dl)
    load_states(trainer.callbacks, known.arrays, known.numbers["callbacks"])
    trainer.history = [dict(row) for row in history]
    trainer.n_steps, trainer.position = n_steps, position
    if position:
        trainer.steps.resume(sums)
