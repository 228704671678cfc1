"""How many inputs a unit has, and how many units use an input: what initial weights depend on."""

from math import prod

from portanet.errors import ShapeError


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of inputs of a unit, and the number of units that an input is used by.

    A matrix is (n_inp, n_out), as in Linear, and has the fans (n_inp, n_out). A kernel is
    (n_out, n_inp / groups, *size), as in convolutions, and has the fans n_inp / groups prod(size)
    and n_out prod(size). (As in PyTorch, n_out is not divided by the groups.)

    Raises ShapeError for fewer than two axes, which have no fans.

    >>> fans((784, 100)), fans((32, 16, 3, 3))
    ((784, 100), (144, 288))
    """
    if len(shape) < 2:
        raise ShapeError(
            f"fans: shape must be (n_inp, n_out) or (n_out, n_inp, *size), is {tuple(shape)}; "
            "initialize vectors with zeros, constant, normal or uniform"
        )
    if len(shape) == 2:
        return shape[0], shape[1]
    size = prod(shape[2:])
    return shape[1] * size, shape[0] * size
