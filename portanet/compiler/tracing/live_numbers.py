"""Live numbers: what a rule's `update` may read beside its arguments, and what changes each step.

A rule should be pure: what changes from step to step comes as `scalars`. But an optimizer's
attributes are there to be read. While `update` is traced, the learning rate and the counters are
HostScalars, read anew in every step; a branch on one is refused. What `scalars` itself changes is
a HostScalar if it is a number, and else cannot be read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portanet.compiler.errors import TraceError
from portanet.compiler.graph.host_scalar import HostScalar
from portanet.compiler.guards.survey import Attribute
from portanet.optimizer import Optimizer

COUNTERS = ("n_steps", "n_accumulated")
NOT_GUARDED = ("lr", "offset")  # attributes of rules that are read anew in every step


@contextmanager
def live_numbers(optimizer: Optimizer, by_scalars: set[Attribute]) -> Iterator[None]:
    """Within this block a rule reads HostScalars where numbers change from step to step."""
    swapped = [(vars(optimizer.memory), key) for key in COUNTERS]
    for rule in optimizer.rules:
        changed = [key for owner, key in by_scalars if owner == id(rule)]
        swapped += [(vars(rule), key) for key in {*NOT_GUARDED, *changed} if key in vars(rule)]
    kept = [(held, key, held[key]) for held, key in swapped]
    hidden = {key for _, key, value in kept if not _is_number(value)}
    try:
        for held, key, value in kept:
            _swap(held, key, value)
        yield
    except AttributeError as error:
        if error.name in hidden:
            raise TraceError(
                f"update() reads {error.name}, which changes from step to step and is no number"
            ) from error
        raise
    finally:
        for held, key, value in kept:
            held[key] = value


def _swap(held: dict[str, Any], key: str, value: Any) -> None:
    if _is_number(value):
        held[key] = HostScalar(key, float(value), lambda numbers: float(held[key]))  # noqa: ARG005
    else:
        del held[key]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
