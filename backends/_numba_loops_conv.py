"""Convolution as loops: a text for `_numba.compile_file`, which sets FLOAT.

What the places of some rows of the output see is written down as columns (K, places), one row for
each channel and offset of the kernel, K = C/groups kh kw. With them everything is a product:

    y = w columns        dL/dw = the sum over all of columns Gᵀ, transposed        columns' = wᵀ G

and dL/dx adds up columns', each number where it was taken from. Images are copied into a frame
(C, H + padding, W + padding) first, so that no loop has to look out for their edges.

Shapes: x (N, C, H, W), w (O, K), y and grad (N, O, OH, OW). `at` is a Window's (strides, top and
left padding, dilations), `shape` is (C, height and width of the frame, kh, kw, OW); `strip` is how
many rows of the output are done at a time.
"""

# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# (numba gives its own functions other arguments than the ones it calls them with)

import numpy as np
from numba import njit

from portanet.backends._numba_gemm import address, gemm
from portanet.backends._numba_math import OPTIONS
from portanet.backends._numba_vectors import LANES, add_first, move_first

FLOAT = "float32"
_multiply = gemm("numpy", FLOAT)
_zero, _one = np.dtype(FLOAT).type(0), np.dtype(FLOAT).type(1)
_bytes = np.dtype(FLOAT).itemsize


@njit(forceinline=True, **OPTIONS)
def _copy_row(out, to, source, start, n, stride):
    """out[to + q] = source[start + q stride], q < n."""
    if stride == 1:
        there, here = address(out) + _bytes * to, address(source) + _bytes * start
        for first in range(0, n, LANES):
            move_first(there + _bytes * first, here + _bytes * first, n - first, _zero)
    else:
        for q in range(n):
            out[to + q] = source[start + q * stride]


@njit(forceinline=True, **OPTIONS)
def _add_row(out, to, source, start, n, stride):
    """out[to + q stride] += source[start + q], q < n."""
    if stride == 1:
        there, here = address(out) + _bytes * to, address(source) + _bytes * start
        for first in range(0, n, LANES):
            add_first(there + _bytes * first, here + _bytes * first, n - first, _zero)
    else:
        for q in range(n):
            out[to + q * stride] += source[start + q]


@njit(**OPTIONS)
def _put_into_frame(x, frame, width, height, top, left):
    """Copy x (C, H, W) into the flat frame (C, height, width); its edges stay as they are."""
    for c in range(x.shape[0]):
        for row in range(x.shape[1]):
            to = (c * height + row + top) * width + left
            for q in range(x.shape[2]):
                frame[to + q] = x[c, row, q]


@njit(**OPTIONS)
def _take_from_frame(x, frame, width, height, top, left):
    for c in range(x.shape[0]):
        for row in range(x.shape[1]):
            start = (c * height + row + top) * width + left
            for q in range(x.shape[2]):
                x[c, row, q] = frame[start + q]


@njit(**OPTIONS)
def _exchange(frame, columns, adding, shape, first, n_rows, at):
    """Write columns for n_rows rows of the output from `first` on; or add them to the frame."""
    channels, height, width, kh, kw, out_width = shape
    sh, sw, _, _, dh, dw = at
    there = 0
    for c in range(channels):
        for i in range(kh):
            for j in range(kw):
                for p in range(first, first + n_rows):
                    here = (c * height + p * sh + i * dh) * width + j * dw
                    if adding:
                        _add_row(frame, here, columns, there, out_width, sw)
                    else:
                        _copy_row(columns, there, frame, here, out_width, sw)
                    there += out_width


def forward(x, w, y, frame, columns, shape, at, groups, strip):
    """Set y to w columns."""
    _, height, width, _, _, out_width = shape
    n_out, k, places = w.shape[0] // groups, w.shape[1], y.shape[2] * out_width
    for n in range(x.shape[0]):
        _put_into_frame(x[n], frame, width, height, at[2], at[3])
        for first in range(0, y.shape[2], strip):
            n_rows = min(strip, y.shape[2] - first)
            _exchange(frame, columns, False, shape, first, n_rows, at)
            m = n_rows * out_width
            for g in range(groups):
                w_g, y_g = address(w[g * n_out]), address(y[n, g * n_out, first])
                part = address(columns) + _bytes * g * k * m
                _multiply(False, False, n_out, m, k, _one, w_g, k, part, m, _zero, y_g, places)


def backward_w(grad, x, grad_w, frame, columns, shape, at, groups, strip):
    """grad_w (groups, K, O/groups) = the sum over all images of columns gradᵀ."""
    _, height, width, _, _, out_width = shape
    k, n_out, places = grad_w.shape[1], grad_w.shape[2], grad.shape[2] * out_width
    grad_w[:] = _zero
    for n in range(x.shape[0]):
        _put_into_frame(x[n], frame, width, height, at[2], at[3])
        for first in range(0, grad.shape[2], strip):
            n_rows = min(strip, grad.shape[2] - first)
            _exchange(frame, columns, False, shape, first, n_rows, at)
            m = n_rows * out_width
            for g in range(groups):
                w_g, grad_g = address(grad_w[g]), address(grad[n, g * n_out, first])
                part = address(columns) + _bytes * g * k * m
                _multiply(False, True, k, n_out, m, _one, part, m, grad_g, places, _one, w_g, n_out)


def backward_x(grad, w, grad_x, frame, columns, shape, at, groups, strip):
    """grad_x = the sum of the columns' wᵀ grad, each where it was taken from."""
    _, height, width, _, _, out_width = shape
    n_out, k, places = w.shape[0] // groups, w.shape[1], grad.shape[2] * out_width
    for n in range(grad.shape[0]):
        frame[:] = _zero
        for first in range(0, grad.shape[2], strip):
            n_rows = min(strip, grad.shape[2] - first)
            m = n_rows * out_width
            for g in range(groups):
                w_g, grad_g = address(w[g * n_out]), address(grad[n, g * n_out, first])
                part = address(columns) + _bytes * g * k * m
                _multiply(True, False, k, m, n_out, _one, w_g, k, grad_g, places, _zero, part, m)
            _exchange(frame, columns, True, shape, first, n_rows, at)
        _take_from_frame(grad_x[n], frame, width, height, at[2], at[3])
