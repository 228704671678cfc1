"""Convolution as loops: a text for `_numba.compile_file`, which sets FLOAT.

What the places of some rows of the output see is written down as columns (K, places), one row for
each channel and offset of the kernel, K = C/groups kh kw. With them everything is a product:

    y = w columns        dL/dw = the sum over all of columns Gᵀ, transposed        columns' = wᵀ G

and dL/dx adds up columns', each number where it was taken from. Images are copied into a frame
(C, H + padding, stride, (W + padding) / stride) first, so that no loop has to look out for their
edges, and what a row of places sees lies side by side: column q there is (q % stride, q // stride).

Shapes: x (N, C, H, W), w (O, K), y and grad (N, O, OH, OW). `at` is a Window's (strides, top and
left padding, dilations), `shape` is (C, height and last axis of the frame, kh, kw, OW); `strip` is
how many rows of the output are done at a time.
"""

# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# (numba gives its own functions other arguments than the ones it calls them with)

import numpy as np
from numba import carray, njit  # pyright: ignore[reportPrivateImportUsage]

from portanet.backends._numba.gemm import address, gemm, pointer32, pointer64
from portanet.backends._numba.math import OPTIONS
from portanet.backends._numba.vectors import LANES, add_first, move_first

FLOAT = "float32"
_pointer = {"float32": pointer32, "float64": pointer64}[FLOAT]
_multiply = gemm("numpy", FLOAT)
_zero, _one = np.dtype(FLOAT).type(0), np.dtype(FLOAT).type(1)
_bytes = np.dtype(FLOAT).itemsize


@njit(**OPTIONS)
def _with_frame(x, frame, taking, shape, at):
    """Copy an image x (C, H, W) into the frame, whose edges stay as they are; or take it out."""
    _, height, width, _, _, _ = shape
    _, stride, top, left, _, _ = at
    for c in range(x.shape[0]):
        for row in range(x.shape[1]):
            for phase in range(stride):
                low = -((phase - left) // stride)  # the first that is not padding
                n = -((phase - left - x.shape[2]) // stride) - low
                to = ((c * height + row + top) * stride + phase) * width + low
                here = address(x[c, row]) + _bytes * (low * stride + phase - left)
                _copy(address(frame) + _bytes * to, here, n, stride, taking)


@njit(forceinline=True, **OPTIONS)
def _copy(to, source, n, stride, back):
    """Copy n numbers that stand `stride` apart to where they stand side by side; or back."""
    if stride > 1:
        image, row = carray(_pointer(source), n * stride), carray(_pointer(to), n)
        for t in range(n):
            if back:
                image[t * stride] = row[t]
            else:
                row[t] = image[t * stride]
        return
    if back:
        to, source = source, to
    for t in range(0, n, LANES):
        move_first(to + _bytes * t, source + _bytes * t, n - t, _zero)


@njit(**OPTIONS)
def _exchange(frame, columns, adding, shape, first, n_rows, at):
    """Write columns for n_rows rows of the output from `first` on; or add them to the frame."""
    channels, height, width, kh, kw, out_width = shape
    sh, sw, _, _, dh, dw = at
    there = address(columns)
    for c in range(channels):
        for i in range(kh):
            for j in range(kw):
                for p in range(first, first + n_rows):
                    row, phase, q = c * height + p * sh + i * dh, j * dw % sw, j * dw // sw
                    here = address(frame) + _bytes * ((row * sw + phase) * width + q)
                    for done in range(0, out_width, LANES):
                        n, far = out_width - done, _bytes * done
                        if adding:
                            add_first(here + far, there + far, n, _zero)
                        else:
                            move_first(there + far, here + far, n, _zero)
                    there += _bytes * out_width


def forward(x, w, y, frame, columns, shape, at, groups, strip):
    """Set y to w columns."""
    out_width = shape[5]
    n_out, k, places = w.shape[0] // groups, w.shape[1], y.shape[2] * out_width
    for n in range(x.shape[0]):
        _with_frame(x[n], frame, False, shape, at)
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
    out_width = shape[5]
    k, n_out, places = grad_w.shape[1], grad_w.shape[2], grad.shape[2] * out_width
    grad_w[:] = _zero
    for n in range(x.shape[0]):
        _with_frame(x[n], frame, False, shape, at)
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
    out_width = shape[5]
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
        _with_frame(grad_x[n], frame, True, shape, at)
