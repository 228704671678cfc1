"""Guard: a run that diverges is ended, and it is said where the first bad number came from."""

from math import isfinite
from typing import Any

from portanet.backends import backend_of
from portanet.callbacks.callback import Callback
from portanet.divergence.diagnosis import Diagnosis, diagnose
from portanet.divergence.run_point import RunPoint
from portanet.errors import DivergedError


class Guard(Callback):
    """Ends a run with DivergedError once an epoch is not finite: its losses or the parameters.

    The error names the first step of the run (its number, and its batch in the epoch), the first
    array that is NaN or infinite there (a layer's output, the losses, a gradient, a parameter after
    the update) and what usually helps. Model, optimizer and run are then what they were when that
    epoch began: lower the learning rate and call train() again.

    It costs a copy of the model and of the optimizer's state on the device, anew after each epoch,
    and one number that is fetched with it, which in the epochs of a very small network is felt;
    steps cost nothing. Only when an epoch has diverged are its steps taken again, and looked at one
    by one, from the copy: hooks of other callbacks are not called then, and what they have changed
    within the epoch (a learning rate, say) is not done again. Where the step as it is written is
    finite, but the compiled one was not, or a loader of your own gives other batches, the error
    says what is known.

    >>> Guard()
    Guard()
    """

    checks = True

    def __init__(self) -> None:
        self._point: RunPoint | None = None

    def on_train_start(self, trainer: Any) -> None:
        """Copy the run."""
        self._point = RunPoint(trainer)

    def on_epoch_end(self, trainer: Any, row: dict[str, float]) -> None:
        """Copy the run again, or go back and raise."""
        bad = {n: v for n, v in row.items() if n in ("loss", "val_loss") and not isfinite(v)}
        if not bad and _parameters_are_finite(trainer.model):
            self._point = RunPoint(trainer)
            return
        assert self._point is not None
        epoch = len(trainer.history) - 1
        found = diagnose(trainer, self._point)
        numbers = " and ".join(f"{name} is {value}" for name, value in bad.items())
        raise DivergedError(
            _message(epoch, numbers or "a parameter is not finite", found),
            epoch=epoch, step=found.step, batch=found.batch,
            place=None if found.found is None else found.found.place,
        )  # fmt: skip

    def on_train_end(self, trainer: Any) -> None:  # noqa: ARG002
        """Give the copy up."""
        self._point = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_point": None}


def _parameters_are_finite(model: Any) -> bool:
    """Return whether all parameters are finite: one number is fetched for all of them."""
    values = [parameter.peek() for parameter in model.parameters()]
    backend = backend_of(values[0])
    xp = backend.xp
    flags = xp.stack([xp.all(xp.isfinite(value)) for value in values])
    return bool(backend.to_numpy(xp.all(flags)))


def _message(epoch: int, numbers: str, known: Diagnosis) -> str:
    return (
        f"Trainer: training has diverged: in epoch {epoch} {numbers}. {_where(known)} What usually "
        f"helps: {known.help}. Model, optimizer and run are what they were when the epoch began"
    )


def _where(known: Diagnosis) -> str:
    """Return one or two sentences on where it began."""
    where = f"In step {known.step} of the run, batch {known.batch} of the epoch,"
    if known.step is None:
        where = f"All steps are finite; in batch {known.batch} of the validation data"
    if known.found is None:
        if known.step is None:
            return "Taken again, all steps are finite, so where it began is not known."
        return f"{where} numbers are not finite; the step as it is written is finite there."
    largest = ", ".join(f"{name} {value:.2g}" for name, value in known.found.reach.items())
    beside = f" (largest numbers: {largest})" if largest else ""
    return f"{where} {known.found.what} is the first that is not finite{beside}."
