"""What usually helps against a run that diverges, for the case at hand."""

from typing import Any

from portanet.backends import backend_of
from portanet.checks import is_float
from portanet.several import by_name

LARGE = 1e3  # columns that reach so far are said to be large: normalized ones stay below 10 or so
_MAX_COLUMNS = 4


def advice(trainer: Any, x: Any, step: int) -> str:
    """Return what may help, the most likely first."""
    found = large_columns(x)
    optimizer, criterion = trainer.optimizer, trainer.model.criterion
    found.append(f"a smaller learning rate than lr={optimizer.rate(max(step, 1)):g}")
    if optimizer.clip_norm is None:
        found.append("clip_norm=1.0")
    if criterion.expects == "probabilities":
        found.append("a loss on logits in place of the last layer and a loss on probabilities")
    return "; ".join(found)


def large_columns(x: Any) -> list[str]:
    """Return which columns of the inputs are to be normalized, as advice."""
    found = []
    for name, array in by_name("x", x).items():
        if array.ndim != 2 or not is_float(array):
            continue
        backend = backend_of(array)
        xp = backend.xp
        reaches = backend.to_numpy(xp.max(xp.abs(array), axis=0)).tolist()
        large = [i for i, value in enumerate(reaches) if not value <= LARGE]
        if large:
            shown = ", ".join(f"{i} (reaches {reaches[i]:.2g})" for i in large[:_MAX_COLUMNS])
            more = f" and {len(large) - _MAX_COLUMNS} more" if len(large) > _MAX_COLUMNS else ""
            found.append(f"normalized inputs (portanet.normalize): columns {shown}{more} of {name}")
    return found
