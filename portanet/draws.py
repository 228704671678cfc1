"""Numbers that a layer draws in each training forward: on every backend the same, bit for bit.

The host decides where in a stream they begin (`Key.position`); what follows are the numbers of
NumPy's Philox generator. A backend with kernels of these functions computes them on its device from
the position alone; for the others the host draws and copies them.

Only draws of which each number depends on its own place in the stream can be made so. How many
words a normal number takes depends on the words (NumPy's ziggurat), and a shuffle is a chain of
exchanges: these are drawn on the host, by `from_host`.

A layer with such draws has a `key` and counts them as `step`, as `Dropout` does: a checkpoint of a
Trainer holds both.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from portanet.dispatch import accelerable, from_host
from portanet.joined import first_here
from portanet.random import generator_at
from portanet.typing import Array

Shape = tuple[int, ...]
_IN_A_BLOCK = 8  # float32 numbers: four words of 64 bits


def uniform(position: Callable[[], Any], x: Array, shape: Shape | None = None) -> Array:
    """Return float32 numbers in [0, 1), multiples of 2⁻²⁴, on the device of x.

    `position` is called once for each draw and returns where its numbers begin (`Key.position`),
    each time another place. They have the shape of x unless another is given.

    Of a batch that ranks share each has its rows of the numbers that one rank would draw for all:
    then the first axis must be that of the samples.

    >>> import numpy as np
    >>> from portanet.random import Key
    >>> uniform(lambda: Key(0, "noise").position(step=3), np.zeros((2, 2)))
    array([[0.17910874, 0.5877184 ],
           [0.5197408 , 0.48558176]], dtype=float32)
    """
    shape = tuple(x.shape) if shape is None else shape
    return from_host(position, x, philox_uniform, shape, first_here("uniform", shape))


def dropout_mask(
    position: Callable[[], Any], p: float, x: Array, shape: Shape | None = None
) -> Array:
    """Return uniform(position, x, shape) >= p: False with probability p, for numbers to drop.

    >>> import numpy as np
    >>> from portanet.random import Key
    >>> dropout_mask(lambda: Key(0, "noise").position(step=3), 0.5, np.zeros((2, 2)))
    array([[False,  True],
           [ True, False]])
    """
    shape = tuple(x.shape) if shape is None else shape
    return from_host(position, x, philox_mask, p, shape, first_here("dropout_mask", shape))


@accelerable
def philox_uniform(position: Array, shape: Shape, first: int = 0) -> Array:
    """Return the numbers from a position on, which lies on the host (for a kernel: anywhere).

    `first` of them are left out: a block of the generator has eight.

    Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011
    (Philox4x64-10); NumPy's Generator.random(dtype="float32").
    """
    block, skipped = divmod(first, _IN_A_BLOCK)
    if not first:
        return generator_at(position).random(shape, dtype="float32")
    rng = generator_at(position, (block, 0))
    return rng.random(skipped + prod(shape), dtype="float32")[skipped:].reshape(shape)


@accelerable
def philox_mask(position: Array, p: float, shape: Shape, first: int = 0) -> Array:
    """Return philox_uniform(position, shape, first) >= p, compared in float32."""
    return philox_uniform.plain(position, shape, first) >= np.float32(p)
