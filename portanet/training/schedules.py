"""Learning rates that depend on the loss: such schedules are told it after each epoch."""

from collections.abc import Iterator
from typing import Any

from portanet.errors import ArgumentError, short
from portanet.layer import Part
from portanet.optimizer import Optimizer
from portanet.schedules.composed import Composed


def report_epoch(optimizer: Optimizer, row: dict[str, float]) -> None:
    """Call `report` of each schedule that has it: with val_loss, or loss without validation data.

    A schedule that waits for something to grow (best="largest") is told val_metric.
    """
    for schedule in reporting_schedules(optimizer):
        schedule.report(row[_reported(schedule, row)])


def check_reports(optimizer: Optimizer, *, has_metric: bool) -> None:
    """Raise ArgumentError if a schedule waits for a metric, and there is none."""
    for schedule in reporting_schedules(optimizer):
        if _wants_largest(schedule) and not has_metric:
            raise ArgumentError(
                f"Trainer: {short(schedule)} with best='largest' is told the metric after each "
                "epoch: val_dl and metric must be given; with best='smallest' it is told the loss"
            )


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


def _wants_largest(schedule: Any) -> bool:
    return getattr(schedule, "best", None) == "largest"


def _reported(schedule: Any, row: dict[str, float]) -> str:
    if _wants_largest(schedule):
        return "val_metric"
    return "val_loss" if "val_loss" in row else "loss"
