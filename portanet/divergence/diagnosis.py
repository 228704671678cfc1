"""Diagnosis: an epoch is gone over again, and the first array that is not finite is named."""

import warnings
from dataclasses import dataclass
from typing import Any

from portanet.backends import array_namespace
from portanet.checks import skip_value_checks
from portanet.divergence.advice import advice
from portanet.divergence.run_point import RunPoint
from portanet.divergence.watch import Found, is_finite, reach, watching


@dataclass
class Diagnosis:
    """Where numbers have stopped being finite.

    step    the number of the step in the run, from 1; None if it was in none
    batch   the number of the batch in its epoch (or in the validation data), from 1
    found   the first array; None if it is not known
    help    what usually helps
    """

    step: int | None
    batch: int | None
    found: Found | None
    help: str


def diagnose(trainer: Any, point: RunPoint) -> Diagnosis:
    """Return where an epoch that began at `point` has stopped being finite.

    Its steps are taken again, by the same plans if they were compiled, and each is looked at; then
    the first bad one is taken as it is written, layer by layer. The trainer is left at `point`.
    """
    with skip_value_checks(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of the overflow to be found
        try:
            point.restore(trainer)
            start = trainer.n_steps, trainer.position
            n = _steps_until_bad(trainer)
            if n is None:
                return _in_validation(trainer)
            point.restore(trainer)
            if n > 1:
                _take(trainer, n - 1)
            return _in_step(trainer, start[0] + n, start[1] + n)
        finally:
            point.restore(trainer)


def first_parameter_not_finite(model: Any) -> str | None:
    """Return the name of the first parameter that is not finite."""
    named = model.named_parameters()
    return next((name for name, p in named.items() if not is_finite(p.peek())), None)


def _steps_until_bad(trainer: Any) -> int | None:
    """Take an epoch's steps up to the first bad one; return its number, None if all are well."""
    n, bad = 0, False

    def after() -> bool:
        nonlocal n, bad
        n += 1
        bad = not is_finite(trainer.running_loss)
        bad = bad or first_parameter_not_finite(trainer.model) is not None
        bad = bool(trainer.agreed(bad))
        return bad

    trainer.take_steps(after)
    return n if bad else None


def _take(trainer: Any, n_steps: int) -> None:
    left = n_steps

    def after() -> bool:
        nonlocal left
        left -= 1
        return not left

    trainer.take_steps(after)


def _in_step(trainer: Any, step: int, batch: int) -> Diagnosis:
    """Take a step as it is written, and return what it finds first."""
    model, before = trainer.model, first_parameter_not_finite(trainer.model)
    x, y = trainer.batch_at(batch - 1)
    found = Found(_owner(before), f"{before}, before the step,", {}) if before else None
    if found is None:
        with watching(model) as seen:
            losses = trainer.step(x, y)
        found = seen[0] if seen else _of_losses(losses) or _after_update(model)
    return Diagnosis(step, batch, found, advice(trainer, x, step))


def _of_losses(losses: Any) -> Found | None:
    """Return what is found of losses that are finite each: their sum, which an epoch adds up."""
    if is_finite(array_namespace(losses).sum(losses)):
        return None
    return Found("criterion", "the sum of the batch's losses", {"a loss": reach(losses)})


def _after_update(model: Any) -> Found | None:
    name = first_parameter_not_finite(model)
    if name is None:
        return None
    grad = model.named_parameters()[name].grad
    reaches = {} if grad is None else {"its gradient": reach(grad)}
    return Found(_owner(name), f"{name}, after the update,", reaches)


def _owner(parameter: str) -> str:
    return parameter.rpartition(".")[0]


def _in_validation(trainer: Any) -> Diagnosis:
    """Return where the passes over the validation data stop being finite, if they do."""
    model = trainer.model
    with trainer.weights():
        for batch, (x, y) in enumerate(trainer.validation_batches(), 1):
            with watching(model) as seen:
                model.criterion.forward(model.forward(x), y)
            if seen:
                return Diagnosis(None, batch, seen[0], advice(trainer, x, trainer.n_steps))
    return Diagnosis(None, None, None, advice(trainer, {}, trainer.n_steps))
