"""Checks of a network's outputs and of targets, for losses and metrics."""

from typing import Any

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import dtype_name, is_float
from portanet.errors import DataError, DtypeError, PlacementError, ShapeError
from portanet.no_array import no_array
from portanet.typing import Array


def check_outputs(who: str, y_hat: Array) -> None:
    """Raise DtypeError or ShapeError unless y_hat is (N, ...) of floats."""
    try:
        floats = is_float(y_hat)
    except (AttributeError, DtypeError):
        raise no_array(who, "y_hat", y_hat) from None
    if not floats:
        raise DtypeError(
            f"{who}: y_hat must be floats, is {dtype_name(y_hat.dtype)}; the network's outputs "
            "come first, criterion(y_hat, y)"
        )
    if y_hat.ndim == 0:
        raise ShapeError(
            f"{who}: y_hat must be (N, ...), is a single number; one prediction is y_hat[None]"
        )


def check_place(who: str, y_hat: Array, y: Array) -> None:
    """Raise PlacementError unless y is on the device of y_hat, DtypeError for what is no array."""
    there, here = _home(who, "y_hat", y_hat), _home(who, "y", y)
    if here is not there:
        raise PlacementError(
            f"{who}: y must be on the device of y_hat, {there}; it is on {here}. "
            f"Move it with portanet.backends.get({there.name!r}).asarray(...)"
        )


def _home(who: str, name: str, x: Array) -> Backend:
    try:
        return backend_of(x)
    except DtypeError:
        raise no_array(who, name, x) from None


def as_column(who: str, y_hat: Array, y: Array) -> Array:
    """Return y in y_hat's shape: unchanged, or (N,) as a column (N, 1). Raises ShapeError."""
    if not hasattr(y, "shape"):
        raise no_array(who, "y", y)
    wanted, came = tuple(y_hat.shape), tuple(y.shape)
    if came == wanted:
        return y
    if wanted == (*came, 1) or (*wanted, 1) == came:
        return array_namespace(y).reshape(y, wanted)
    raise ShapeError(
        f"{who}: y must have y_hat's shape {wanted}, is {came}; {_shape_advice(wanted, came)}"
    )


def _shape_advice(wanted: tuple[int, ...], came: tuple[int, ...]) -> str:
    """Return what to do about targets of another shape than the outputs."""
    if len(came) == 0 or came[0] != wanted[0]:
        return "there must be one target for each output, and y_hat comes first: (y_hat, y)"
    if len(wanted) < len(came) and len(wanted) == 1:
        return "y_hat comes first: (y_hat, y)"
    n = came[1] if len(came) > 1 else 1
    return f"for these targets the network needs {n} output{'s' * (n > 1)}, Linear(..., {n})"


def without_column(x: Array) -> Array:
    """Return x (N, 1) as (N,), the shape that targets of one column have; others as they are."""
    return x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x


def labels_where(positive: Array) -> Array:
    """Return booleans as the labels 0 and 1; a column (N, 1) as (N,)."""
    backend = backend_of(positive)
    return without_column(backend.xp.astype(positive, backend.dtype(backend.index_dtype())))


def refuse(who: str, y: Array, bad: Array, wanted: str, advice: str, name: str = "y") -> None:
    """Raise DataError with the first value of y where `bad` is true; this waits for a GPU."""
    xp = array_namespace(y)
    if not bool(xp.any(bad)):
        return
    flat = xp.reshape(bad, (-1,))
    where = int(xp.argmax(xp.astype(flat, xp.int32)))
    value: Any = xp.reshape(y, (-1,))[where]
    raise DataError(
        f"{who}: {name} must hold {wanted}; number {where} of it is {float(value):g}. {advice}"
    )
