"""An epoch's numbers: fetched from the device, looked at, printed."""

import warnings
from math import isfinite
from typing import Any

from portanet.backends import Backend, backend_of
from portanet.errors import DivergedWarning
from portanet.running_sum import widest_float


def fetch(row: dict[str, Any], backend: Backend) -> dict[str, float]:
    """Return the numbers on the host: the one copy from the device an epoch."""
    there = {n: v for n, v in row.items() if hasattr(v, "dtype") and backend_of(v) is backend}
    found: dict[str, float] = {}
    if there:
        xp, dtype = backend.xp, backend.dtype(widest_float(backend))
        alike = [v if v.dtype == dtype else xp.astype(v, dtype) for v in there.values()]
        together = xp.stack(alike)
        found = dict(zip(there, map(float, backend.to_numpy(together)), strict=True))
    return {name: found[name] if name in found else _on_host(v) for name, v in row.items()}


def not_finite(row: dict[str, float]) -> dict[str, float]:
    """Return which losses of an epoch are NaN or infinite."""
    return {n: v for n, v in row.items() if n in ("loss", "val_loss") and not isfinite(v)}


def warn_diverged(epoch: int, bad: dict[str, float]) -> None:
    """Warn of losses that are not finite."""
    numbers = " and ".join(f"{name} is {value}" for name, value in bad.items())
    warnings.warn(
        f"Trainer: training has diverged: in epoch {epoch} {numbers}, not a finite number. "
        "Start again from weights that are finite; a smaller learning rate (lr), clip_norm=1.0 "
        "or normalized inputs (portanet.normalize) usually help; with callbacks=[Guard()] "
        "(portanet.callbacks) it is said in which step and layer it began",
        DivergedWarning,
        stacklevel=3,
    )


def format_row(epoch: int, row: dict[str, float]) -> str:
    """Return an epoch's numbers as the blog prints them.

    >>> format_row(0, {"loss": 0.62, "val_loss": 0.547, "val_metric": 0.904})
    'epoch=  0 | loss= 0.620 | val_loss= 0.547 | val_metric= 0.904'
    """
    return " | ".join(
        [f"epoch= {epoch:2d}", *(f"{name}= {value:.3f}" for name, value in row.items())]
    )


def _on_host(value: Any) -> float:
    return float(backend_of(value).to_numpy(value)) if hasattr(value, "dtype") else float(value)
