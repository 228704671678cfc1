"""Methods that a plan passes by: where a user has overridden one, steps run as they are written."""

from portanet.optimizer import Optimizer

_PASSED_BY = ("step", "trainable", "numbers", "rule_of", "follow")


def overridden(optimizer: Optimizer) -> str | None:
    """Return in words which method of an optimizer is overridden, None if none is."""
    for method in _PASSED_BY:
        own = getattr(type(optimizer), method) is not getattr(Optimizer, method)
        if own or method in vars(optimizer):
            return f"{type(optimizer).__name__}.{method} is overridden, which a plan would pass by"
    return None
