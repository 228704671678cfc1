"""Checks of what recurrent layers take beside x: lengths and start states."""

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_alike, dtype_name, is_integer, skips_value_checks
from portanet.errors import DataError, DtypeError, PlacementError, ShapeError
from portanet.typing import Array


def valid_steps(who: str, x: Array, lengths: Array) -> Array:
    """Return (N, L), true up to each sample's length. Raises unless lengths are such."""
    xp, (n, length) = array_namespace(lengths), x.shape[:2]
    if not is_integer(lengths):
        raise DtypeError(
            f"{who}: lengths must be integers, are {dtype_name(lengths.dtype)}; cast them "
            "with astype('int64')"
        )
    if backend_of(lengths) is not backend_of(x):
        raise PlacementError(
            f"{who}: lengths must be on the device of x, {backend_of(x)}; they are on "
            f"{backend_of(lengths)}. Move them with "
            f"portanet.backends.get({backend_of(x).name!r}).asarray(...)"
        )
    if tuple(lengths.shape) != (n,):
        raise ShapeError(
            f"{who}: lengths must be ({n},), one for each sample, are {tuple(lengths.shape)}"
        )
    if not skips_value_checks() and bool(xp.any((lengths < 0) | (lengths > length))):
        raise DataError(
            f"{who}: lengths must be in [0, {length}], the number of steps of x; some are "
            "not. Correct them, or pad x to more steps"
        )
    steps = xp.arange(length, dtype=lengths.dtype, device=lengths.device)
    return steps[None, :] < lengths[:, None]


def check_start(who: str, name: str, start: Array, x: Array, n_passes: int, n_hidden: int) -> None:
    """Raise unless a start state is (N, n_passes, n_hidden), with the device and dtype of x."""
    check_alike(who, name, start, "x", x)
    wanted = (x.shape[0], n_passes, n_hidden)
    if tuple(start.shape) != wanted:
        raise ShapeError(
            f"{who}: {name} must be {wanted}, (samples, layers x directions, n_hidden), is "
            f"{tuple(start.shape)}"
            + (
                "; PyTorch's has the first two axes swapped: permute_dims(h, (1, 0, 2))"
                if tuple(start.shape) == (wanted[1], wanted[0], wanted[2])
                else ""
            )
        )
