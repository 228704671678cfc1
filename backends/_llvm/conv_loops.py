"""Which loop does a convolution, and what it is given beside its arrays: a workspace, and sizes.

Direct loops (direct.py) where there is enough to hold in registers, else columns and BLAS. All have
three arrays before what is said here: (x, w, y) forward, (grad, w, dL/dx) and (x, grad, the sums
that dL/dw is made of) backward.
"""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm.direct import DirectForward, DirectSums, Images
from portanet.backends._numpy.blas import numpy_blas

_STRIP = 2**19  # bytes of columns at a time: they stay in a core's cache beside what else is there
# measured: beyond these, columns are as fast or faster
_FEWEST_OUTPUTS, _FEWEST_PRODUCTS = 8, 32
_LEAST_SHARE = 0.7  # of the numbers computed that mean something
_FEWEST_PLACES, _SMALL_WEIGHTS = 128, 2**20  # the sums for many weights lie far away, in bytes


class Columns:
    """The loops on columns: for any convolution."""

    file = "loops_columns"

    def __init__(
        self, name: str, window: Any, image: Images, output: Images, groups: int, dtype: np.dtype
    ) -> None:
        (kh, kw), ((top, bottom), (left, right)) = window.kernel, window.padding
        _, channels, height, width = image
        sh, sw = window.stride
        framed = (height + top + bottom, -(-(width + left + right) // sw))
        self.name, self.constants, self._dtype = name, {}, dtype
        self._frame, self._row = channels * prod(framed) * sw, channels * kh * kw * output[3]
        self._strip = max(1, min(output[2], _STRIP // (self._row * dtype.itemsize)))
        self.sums = (groups, channels // groups * kh * kw, output[1] // groups)
        self._sizes = (
            channels, height, width, *framed, kh, kw, output[1] // groups, *output[2:],
            sh, sw, top, left, *window.dilation, groups,
        )  # fmt: skip

    def arguments(self, n_images: int) -> list[Any]:
        """Return the further arguments for some images."""
        blas = numpy_blas()
        assert blas is not None  # the callers have looked
        # the padding around an image stays zero: it lies in the same places for all
        frame = np.zeros(self._frame, self._dtype)
        columns = np.empty(self._strip * self._row, self._dtype)
        return [frame, columns, blas.gemm[self._dtype.name], self._strip, n_images, *self._sizes]


ConvLoop = Columns | DirectForward | DirectSums


def forward_loop(
    window: Any, image: Images, output: Images, groups: int, dtype: np.dtype
) -> Columns | DirectForward:
    """Return the loop that makes y, of the shape `output`, of x and w."""
    if _is_worth_it(output[1] // groups, image[1] // groups, window):
        direct = DirectForward(window, image, output, groups, dtype)
        if direct.share > _LEAST_SHARE:
            return direct
    return Columns("forward", window, image, output, groups, dtype)


def backward_w_loop(
    window: Any, image: Images, output: Images, groups: int, dtype: np.dtype
) -> Columns | DirectSums:
    """Return the loop that adds up dL/dw from x and grad."""
    if _is_worth_it(output[1] // groups, image[1] // groups, window):
        direct = DirectSums(window, image, output, groups, dtype)
        near = prod(direct.sums[1:]) * dtype.itemsize <= _SMALL_WEIGHTS
        if direct.share > _LEAST_SHARE and (near or prod(output[2:]) >= _FEWEST_PLACES):
            return direct
    return Columns("backward_w", window, image, output, groups, dtype)


def backward_x_loop(
    window: Any, image: Images, output: Images, groups: int, dtype: np.dtype
) -> Columns | DirectForward:
    """Return the loop that makes dL/dx, of the shape `image`, of grad and w."""
    (kh, kw), (dh, dw), ((top, _), (left, _)) = window.kernel, window.dilation, window.padding
    above, before = (kh - 1) * dh - top, (kw - 1) * dw - left
    below, behind = image[2] - output[2] + top, image[3] - output[3] + left
    unit = window.stride == (1, 1) and min(above, before, below, behind) >= 0
    if unit and _is_worth_it(image[1] // groups, output[1] // groups, window):
        mirrored = replace(window, padding=((above, below), (before, behind)))
        direct = DirectForward(mirrored, output, image, groups, dtype, mirrored=True)
        if direct.share > _LEAST_SHARE:
            return direct
    return Columns("backward_x", window, image, output, groups, dtype)


def _is_worth_it(n_out: int, n_in: int, window: Any) -> bool:
    n_offsets = prod(window.kernel)  # with one, columns are a copy of the image
    enough = n_out >= _FEWEST_OUTPUTS and n_in * n_offsets >= _FEWEST_PRODUCTS
    return enough and n_offsets > 1
