"""Rows of accelerable functions: example arguments, and how close a kernel must come to plain."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import portanet.running_mean  # noqa: F401 - importing it makes `averaged` known
from portanet.backends import Backend
from portanet.layers.pooling_functions import max_pool2d
from portanet.layers.windows import Window
from portanet.random import Key


@dataclass(frozen=True)
class KernelCase:
    """Arguments for the accelerable function `name`; a function may have several rows.

    `args(rng, n)` returns them for size n (0, 1 or odd): NumPy arrays in float64 or integers,
    which the test casts and moves, and what else the function takes. `ulps` is how far kernel and
    plain definition may be from each other, each element by itself if `each`, otherwise in units
    of the last place at the result's largest number. `placed` is another definition of the same,
    of NumPy arrays, for one whose plain definition lets a NaN reach numbers that it is no part of.
    """

    name: str
    args: Callable[[np.random.Generator, int], tuple[Any, ...]]
    ulps: float
    each: bool = False
    placed: Callable[..., np.ndarray] | None = None

    kind = "kernel"


def numbers(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return n numbers over many magnitudes, of both signs."""
    return rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-6, 1.5, n)


_WINDOW = Window((2, 3), stride=(2, 1), padding=((1, 0), (1, 1)), dilation=(2, 1))
_POOL = Window((2, 2), stride=(2, 2))
_DENSE = Window((3, 3), padding=((1, 1), (1, 2)))
_SIZE = (6, 5)


def _images(rng, n, channels, size):
    return rng.standard_normal((n, channels, *size))


def _pooled(rng, n):
    x = np.round(_images(rng, n, 2, _SIZE))  # with ties
    y = x[:, :, :6, :4].reshape(n, 2, 3, 2, 2, 2).max(axis=(3, 5))
    return _images(rng, n, 2, (3, 2)), x, y, _POOL


def _overlapping(rng, n):
    x = np.round(_images(rng, n, 2, _SIZE))
    return _images(rng, n, 2, _DENSE.output_size(_SIZE)), x, max_pool2d.plain(x, _DENSE), _DENSE


def _segments(rng, n, *, n_segments):
    return rng.standard_normal((n, 3)), rng.integers(0, n_segments, n), n_segments


def _added_by_index(values, indices, n):
    total = np.zeros((n, values.shape[1]), values.dtype)
    np.add.at(total, indices, values)
    return total


def _sums(rng, n):
    sums = np.stack([numbers(rng, n + 6), 1e-8 * numbers(rng, n + 6)])
    return sums, 0.125, numbers(rng, n), numbers(rng, 6).reshape(2, 3)


def _convolutions(window, kernel):
    """Return rows of a convolution of 4 channels to 6, in two groups, and of its two gradients."""
    size = window.output_size(_SIZE)
    return [
        KernelCase(
            "conv2d",
            lambda rng, n: (_images(rng, n, 4, _SIZE), _images(rng, 6, 2, kernel), window, 2),
            16,
        ),
        KernelCase(
            "conv2d_backward_x",
            lambda rng, n: (
                _images(rng, n, 6, size), _images(rng, 6, 2, kernel), window, _SIZE, 2,
            ),
            16,
        ),
        KernelCase(
            "conv2d_backward_w",
            lambda rng, n: (_images(rng, n, 6, size), _images(rng, n, 4, _SIZE), window, 2),
            32,
        ),
    ]  # fmt: skip


ACCELERABLE = [
    # four roundings, of which some may be left out
    KernelCase("averaged", _sums, 4),
    # two definitions of 2 roundings more or less; the largest exp differs by 2 ulps
    KernelCase("sigmoid", lambda rng, n: (numbers(rng, n),), 4, each=True),
    KernelCase(
        "sigmoid_backward", lambda rng, n: (numbers(rng, n), rng.uniform(0, 1, n)), 4, each=True
    ),
    # plain is off by 1.4, SciPy by 2.6, CUDA by 2
    KernelCase("erf", lambda rng, n: (numbers(rng, n),), 4, each=True),
    *_convolutions(_WINDOW, (2, 3)),
    # with stride 1 the NumPy kernels go another way; K = 18 (12, or n 30) products are added up,
    # whose roundings, of either sign, grow as sqrt(K)
    *_convolutions(_DENSE, (3, 3)),
    KernelCase(
        "conv2d",
        lambda rng, n: (_images(rng, n, 4, _SIZE), _images(rng, 6, 4, (1, 1)), Window((1, 1)), 1),
        16,
    ),
    KernelCase(
        "conv2d_backward_x",
        lambda rng, n: (
            _images(rng, n, 6, _SIZE),
            _images(rng, 6, 2, (1, 1)),
            Window((1, 1)),
            _SIZE,
            2,
        ),
        16,
    ),
    KernelCase(
        "conv2d_backward_w",
        lambda rng, n: (_images(rng, n, 6, _SIZE), _images(rng, n, 4, _SIZE), Window((1, 1)), 2),
        32,
    ),
    KernelCase("max_pool2d", lambda rng, n: (np.round(_images(rng, n, 2, _SIZE)), _DENSE), 0),
    KernelCase("max_pool2d_backward", _overlapping, 4),
    KernelCase(
        "avg_pool2d_backward",
        lambda rng, n: (_images(rng, n, 2, _DENSE.output_size(_SIZE)), _DENSE, _SIZE),
        8,
    ),
    KernelCase("max_pool2d", lambda rng, n: (_images(rng, n, 2, _SIZE), _POOL), 0),
    KernelCase("max_pool2d_backward", _pooled, 4),
    KernelCase("avg_pool2d", lambda rng, n: (_images(rng, n, 2, _SIZE), _POOL), 4),
    KernelCase(
        "avg_pool2d_backward",
        lambda rng, n: (_images(rng, n, 2, _POOL.output_size(_SIZE)), _POOL, _SIZE),
        4,
    ),
    *(
        # from 33 on NumPy's kernel adds by index; 300 are more than a byte can tell apart
        KernelCase("segment_sum", partial(_segments, n_segments=n), 16, placed=_added_by_index)
        for n in (5, 50, 300)
    ),
    KernelCase("philox_uniform", lambda _, n: (Key(n, "draws", 2).position(3), (n,)), 0),
    KernelCase("philox_mask", lambda _, n: (Key(n, "draws", 2).position(3), 0.3, (n,)), 0),
]


def moved(args: tuple[Any, ...], place: Backend, dtype: str) -> list[Any]:
    """Return the arguments of a row on a backend, floats in a dtype."""
    return [
        place.asarray(arg, dtype if arg.dtype.kind == "f" else place.index_dtype())
        if isinstance(arg, np.ndarray) and arg.dtype.kind != "u"  # a place in a stream
        else arg
        for arg in args
    ]
