"""Pooling as loops: a text for `_numba.compile_file`, which sets FLOAT and KERNEL.

For windows that lie side by side (stride = kernel, no padding). Rows of images are short, so LANES
places at a time are copied into a workspace, where all sizes are constants: there LLVM makes a few
instructions of each loop.

Shapes: x and grad_x (planes, H, W), y and grad (planes, OH, OW).
"""

# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# (numba gives its own functions other arguments than the ones it calls them with)

import numpy as np
from numba import njit

from portanet.backends._numba.gemm import address
from portanet.backends._numba.math import OPTIONS
from portanet.backends._numba.vectors import LANES, fill_first, move_first

FLOAT = "float32"
KERNEL = (2, 2)
_kh, _kw = KERNEL
_zero, _bytes = np.dtype(FLOAT).type(0), np.dtype(FLOAT).itemsize
_width = _kw * LANES  # of what LANES places see
_Y, _GRAD, _X, _GRAD_X = 0, LANES, 2 * LANES, 2 * LANES + _kh * _width  # of the workspace
N_NUMBERS = _GRAD_X + _kh * _width


def forward(x, y):
    """y[p, q] = the maximum over i, j of x[p kh + i, q kw + j]; NaN if one is."""
    for plane in range(x.shape[0]):
        for p in range(y.shape[1]):
            for q in range(y.shape[2]):
                largest = x[plane, p * _kh, q * _kw]
                for i in range(_kh):
                    for j in range(_kw):
                        value = x[plane, p * _kh + i, q * _kw + j]
                        larger = (value > largest) | (value != value)
                        largest = value if larger else largest
                y[plane, p, q] = largest


def backward(grad, x, y, grad_x, work):
    """grad_x = grad where a window's maximum is found first, row by row; else 0.

    LANES places at a time; rows of x and grad_x lie `row` bytes apart, those of `work` `width`.
    """
    here, row, width = address(work), _bytes * x.shape[2], _bytes * _kw * LANES
    for plane in range(x.shape[0]):
        for p in range(y.shape[1]):
            for first in range(0, y.shape[2], LANES):
                n, place, to = y.shape[2] - first, _bytes * first, _bytes * first * _kw
                fill_first(here + _bytes * _Y, address(y[plane, p]) + place, n, _zero)
                fill_first(here + _bytes * _GRAD, address(grad[plane, p]) + place, n, _zero)
                seen = address(x[plane, p * _kh]) + to
                for i in range(_kh):
                    for k in range(0, _kw * LANES, LANES):
                        at, there = (
                            here + _bytes * (_X + k) + i * width,
                            seen + i * row + _bytes * k,
                        )
                        fill_first(at, there, n * _kw - k, _zero)
                _send_back(work)
                seen = address(grad_x[plane, p * _kh]) + to
                for i in range(_kh):
                    for k in range(0, _kw * LANES, LANES):
                        at, there = (
                            here + _bytes * (_GRAD_X + k) + i * width,
                            seen + i * row + _bytes * k,
                        )
                        move_first(there, at, n * _kw - k, _zero)


@njit(forceinline=True, **OPTIONS)
def _send_back(work):
    for q in range(LANES):
        waiting = True
        for i in range(_kh):
            for j in range(_kw):
                place = i * _width + q * _kw + j
                value = work[_X + place]
                here = waiting & ((value == work[_Y + q]) | (value != value))
                work[_GRAD_X + place] = work[_GRAD + q] if here else _zero
                waiting = waiting & (not here)
