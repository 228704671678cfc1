"""Ready-made transforms of images, for Dataset(X, y, transform=[...]).

    Dataset(X, y, transform=[Crop(4), Flip(), Normalize(mean, std)])

They take a whole batch, (n, ..., H, W), and draw for each sample from its own stream
(portanet.batchwise). One of your own is a function f(x, rng) of one sample.
"""

from math import inf
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from portanet.checks import check_count, check_number
from portanet.constructors import CalledType
from portanet.errors import ArgumentError, ShapeError
from portanet.options import Option
from portanet.reprs import own_call

__all__ = ["Crop", "Flip", "Noise", "Normalize"]


class _Batchwise(metaclass=CalledType):
    batchwise = True  # see portanet.batchwise

    def __repr__(self) -> str:
        return own_call(self)


class Flip(_Batchwise):
    """With probability p a sample is reversed along an axis: -1 left and right, -2 up and down.

    Shape: X (n, ...), the same afterwards. Raises ShapeError if there is no such axis.

    >>> Flip(p=1)(np.arange(4).reshape(1, 1, 2, 2), None)
    array([[[[1, 0], [3, 2]]]])
    """

    p = Option(check_number, 0, 1)

    def __init__(self, p: float = 0.5, axis: int = -1) -> None:
        self.p, self.axis = p, axis
        if isinstance(axis, bool) or not isinstance(axis, int) or axis >= 0:
            raise ArgumentError(
                f"Flip: axis must be an integer < 0, counted from the last, is {axis!r}; for "
                "example axis=-1"
            )

    def __call__(self, X: np.ndarray, rng: Any) -> np.ndarray:
        """Return X with some of its samples reversed."""
        if X.ndim + self.axis < 1:
            raise ShapeError(f"Flip: X must have samples with an axis {self.axis}, is {X.shape}")
        if self.p == 1:
            return np.flip(X, self.axis)
        turned = (rng.random() < self.p).reshape(-1, *[1] * (X.ndim - 1))
        return np.where(turned, np.flip(X, self.axis), X)


class Crop(_Batchwise):
    """An image of the old size, cut at random out of the image with `padding` zeros around it.

    Shape: X (n, ..., H, W), the same afterwards. Both offsets are uniform in 0 … 2 padding.

    Raises ShapeError unless samples are images.
    """

    padding = Option(check_count, 1)

    def __init__(self, padding: int) -> None:
        self.padding = padding

    def __call__(self, X: np.ndarray, rng: Any) -> np.ndarray:
        """Return a crop of each image."""
        if X.ndim < 3:
            raise ShapeError(f"Crop: X must be (n, ..., H, W), is {X.shape}")
        around = [(0, 0)] * (X.ndim - 2) + [(self.padding, self.padding)] * 2
        windows = sliding_window_view(np.pad(X, around), X.shape[-2:], axis=(-2, -1))
        top, left = rng.integers(0, 2 * self.padding + 1, size=2).T
        return windows[np.arange(len(X)), ..., top, left, :, :]


class Noise(_Batchwise):
    """x + n, with n normal of mean 0 and standard deviation std, drawn for each number.

    Shape: any. Floats keep their dtype, integers become float64.
    """

    std = Option(check_number, 0, inf, open_high=True)

    def __init__(self, std: float) -> None:
        self.std = std

    def __call__(self, X: np.ndarray, rng: Any) -> np.ndarray:
        """Return X with noise."""
        noise = rng.normal(0, self.std, X.shape[1:])
        return X + (noise.astype(X.dtype) if X.dtype.kind == "f" else noise)


class Normalize(_Batchwise):
    """(x - mean) / std, by channel: the mean and std of the training images, in their units.

    Shapes: X (n, C, H, W), mean and std (C,) or single numbers. Floats keep their dtype, integers
    (bytes, say) become float32. The network then needs them as well in `predict`: normalize what
    you give it alike, or normalize X itself (preprocessing.Normalizer).

    Raises ArgumentError unless std > 0.
    """

    def __init__(self, mean: Any, std: Any) -> None:
        self.mean, self.std = (np.asarray(of, np.float64).reshape(-1, 1, 1) for of in (mean, std))
        if not (self.std > 0).all():
            raise ArgumentError(f"Normalize: std must be > 0, is {self.std.min():g} in a channel")

    def __call__(self, X: np.ndarray, rng: Any) -> np.ndarray:
        """Return X normalized."""
        del rng
        dtype = X.dtype if X.dtype.kind == "f" else np.dtype(np.float32)
        return ((X - self.mean) / self.std).astype(dtype)
