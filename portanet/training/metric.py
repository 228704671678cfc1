"""What a metric returns, and whether it can be computed at all."""

import warnings
from collections.abc import Callable
from math import prod
from numbers import Real
from typing import Any

from portanet.backends import backend_of
from portanet.checks import is_float, skip_value_checks
from portanet.data import Batches
from portanet.errors import DtypeError, ShapeError, short
from portanet.metrics.measured import Measured
from portanet.sequential import Sequential
from portanet.typing import Array

Metric = Callable[[Array, Array], Any]


def one_number(metric: Metric, value: Any) -> Array | float:
    """Return what a metric has returned: a Python float, or an array of shape () on its device.

    Raises DtypeError or ShapeError if it is not one real number.
    """
    if isinstance(value, Real):
        return float(value)
    name = getattr(metric, "__name__", type(metric).__name__)
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise DtypeError(
            f"Trainer: metric must return one number, as accuracy does; {name} returned "
            f"{short(value)}"
        )
    if prod(value.shape) != 1:
        raise ShapeError(
            f"Trainer: metric must return one number, as accuracy does; {name} returned an array "
            f"of shape {tuple(value.shape)}. Write a function that makes one number of it"
        )
    xp = backend_of(value).xp
    if not is_float(value) and not xp.isdtype(value.dtype, ("bool", "integral")):
        raise DtypeError(
            f"Trainer: metric must return a real number; {name} returned one of dtype {value.dtype}"
        )
    return value if value.shape == () else xp.reshape(value, ())


def about_failed(model: Sequential, metrics: dict[str, Measured], batches: Batches) -> str:
    """Return a note for the error that a metric has raised: what it was called with."""
    with skip_value_checks(), batches.in_data_order():
        x, y = next(iter(batches))
        y_hat = model.forward(x)
    failing = (one for one in metrics.values() if not _works(one, model, y_hat, y))
    one = next(failing, next(iter(metrics.values())))
    name = getattr(one.metric, "__name__", type(one.metric).__name__)
    shapes = one.predictions(model.criterion, y_hat).shape, one.targets(y).shape
    return (
        f"Trainer: metric {name} must return one number for (predictions, y), as accuracy does; it "
        f"raised this error. Try {name}(predictions, y) with predictions of shape "
        f"{tuple(shapes[0])} and y of shape {tuple(shapes[1])}, as in the first batch"
    )


def work_on_a_batch(model: Sequential, metrics: dict[str, Measured], batches: Batches) -> bool:
    """Return whether metrics give one number for the first batch; nothing is changed by that."""
    with skip_value_checks(), warnings.catch_warnings(), batches.in_data_order():
        warnings.simplefilter("ignore")
        x, y = next(iter(batches))
        y_hat = model.forward(x)
        return all(_works(one, model, y_hat, y) for one in metrics.values())


def _works(one: Measured, model: Sequential, y_hat: Any, y: Any) -> bool:
    predictions = one.predictions(model.criterion, y_hat)
    try:
        one_number(one.metric, one.metric(predictions, one.targets(y)))
    except Exception:  # noqa: BLE001 - the whole data set decides what is an error
        return False
    return True
