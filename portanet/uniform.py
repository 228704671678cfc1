"""Whether the parameters of a model have one dtype and lie on one device."""

from collections import Counter
from typing import Any

from portanet.backends import backend_of
from portanet.checks import dtype_name
from portanet.errors import DtypeError, PlacementError


def check_uniform(model: Any) -> None:
    """Raise DtypeError or PlacementError, which names a parameter that differs from the others.

    >>> import numpy as np
    >>> from portanet import Linear
    >>> layer = Linear(2, 1)
    >>> layer.bias.value = layer.bias.value.astype(np.float64)
    >>> check_uniform(layer)
    Traceback (most recent call last):
    ...
    portanet.errors.DtypeError: Linear: bias is float64, other parameters are float32; ...
    """
    values = {name: p.peek() for name, p in model.named_parameters().items()}
    who = type(model).__name__
    name, came, wanted = _odd_one({name: backend_of(v) for name, v in values.items()})
    if name:
        raise PlacementError(
            f"{who}: {name} lies on {came}, other parameters on {wanted}; move the whole network "
            f"with .to({wanted.name!r})"
        )
    name, came, wanted = _odd_one({name: v.dtype for name, v in values.items()})
    if name:
        came, wanted = dtype_name(came), dtype_name(wanted)
        raise DtypeError(
            f"{who}: {name} is {came}, other parameters are {wanted}; cast its value, or the whole "
            f"network with .to(dtype={wanted!r})"
        )


def _odd_one(kinds: dict[str, Any]) -> tuple[str, Any, Any]:
    """Return the first name whose kind is not the most frequent one, its kind, and that one."""
    found = list(kinds.values())
    if found.count(found[0] if found else None) == len(found):
        return "", None, None
    usual = Counter(found).most_common(1)[0][0]
    return next((name, kind, usual) for name, kind in kinds.items() if kind != usual)
