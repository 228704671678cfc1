"""Learning rates that depend on the loss: such schedules are told it after each epoch."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from portanet.errors import ArgumentError, short
from portanet.layer import Part
from portanet.metrics.measured import measured
from portanet.optimizer import Optimizer
from portanet.schedules.composed import Composed


def report_epoch(optimizer: Optimizer, row: dict[str, float]) -> None:
    """Call `report` of each schedule that has it, with the number `of` an epoch that it waits for.

    A schedule that names none is told val_loss, or loss without validation data; one that waits for
    something to grow (best="largest") val_metric.
    """
    for schedule in reporting_schedules(optimizer):
        schedule.report(row[_reported(schedule, row)])


def check_reports(optimizer: Optimizer, names: Sequence[str]) -> None:
    """Raise ArgumentError if a schedule waits for a number that is none of an epoch's `names`."""
    for schedule in reporting_schedules(optimizer):
        if _reported(schedule, names) in names:
            continue
        if getattr(schedule, "of", None) is not None:
            raise ArgumentError(
                f"Trainer: of must be one of an epoch's numbers, {', '.join(names)}; is "
                f"{schedule.of!r} in {short(schedule)}"
            )
        raise ArgumentError(
            f"Trainer: {short(schedule)} with best='largest' is told the metric after each "
            "epoch: val_dl and metric must be given, of several metrics of='val_metric.…' names "
            "one; with best='smallest' it is told the loss"
        )


def names_of_epoch(metric: Any, criterion: Any, *, is_validated: bool) -> list[str]:
    """Return the names of an epoch's numbers."""
    of_data = ["loss", *measured(metric, criterion)]
    return ["loss", *(f"val_{name}" for name in of_data if is_validated)]


def reporting_schedules(optimizer: Optimizer) -> list[Any]:
    """Return the schedules with a method `report` that an optimizer's rules use, each once."""
    found: dict[int, Any] = {}
    for rule in optimizer.rules:
        for option in filter(callable, (rule.lr, *vars(rule).values())):
            found |= {id(schedule): schedule for schedule in _reporting(option)}
    return list(found.values())


def _reporting(schedule: Any) -> Iterator[Any]:
    """Yield a schedule that has `report`, and those that it is made of."""
    if isinstance(schedule, Part | type):
        return
    if hasattr(schedule, "report"):
        yield schedule
    if isinstance(schedule, Composed):
        for part in schedule.parts():
            yield from _reporting(part)


def _reported(schedule: Any, names: Collection[str]) -> str:
    """Return the name of the number that a schedule is told."""
    of = getattr(schedule, "of", None)
    if of is not None:
        return of
    if getattr(schedule, "best", None) == "largest":
        return "val_metric"
    return "val_loss" if "val_loss" in names else "loss"
