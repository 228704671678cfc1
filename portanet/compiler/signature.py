"""What a compiled step was made from, in comparable form."""

from typing import Any

from portanet.layer import Part, Sequential
from portanet.optimizer import Optimizer

_PLAIN = (int, float, str, bool, type(None))
_MEMORY = {"_saved", "_home"}
_OF_EVERY_STEP = {"n_steps", "n_accumulated", "offset", "lr"}


def plain_attributes(named: dict[str, Part]) -> dict[tuple[int, str], Any]:
    """Return the numbers and words among the attributes of parts, by the part's id and name."""
    return {
        (id(part), key): value
        for part in named.values()
        for key, value in vars(part).items()
        if isinstance(value, _PLAIN) and key not in _MEMORY
    }


def signature(model: Sequential, optimizer: Optimizer, counters: set[tuple[int, str]]) -> Any:
    """Return all that a plan has taken for granted but the arrays' numbers.

    Attributes in `counters` differ from step to step and are left out.
    """
    named = model.named_parts()
    attributes = plain_attributes(named)
    return (
        [(name, id(part)) for name, part in named.items()],
        {key: value for key, value in attributes.items() if key not in counters},
        [(id(p), p.trainable, p.value.shape) for p in model.parameters()],
        [id(b) for b in model.named_buffers().values()],
        model.backend.name, model.dtype,
        [_options(rule) for rule in (optimizer, *(rule for _, _, rule in optimizer._rules))],
        {name: id(rule) for name, rule in optimizer._rule_of.items()},
    )  # fmt: skip


def _options(rule: Optimizer) -> dict[str, Any]:
    attributes = vars(rule).items()
    return {k: v for k, v in attributes if isinstance(v, _PLAIN) and k not in _OF_EVERY_STEP}
