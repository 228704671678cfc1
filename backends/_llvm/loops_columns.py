"""Convolution as loops, in the kernel language; `real` stands for the arrays' type.

What the places of some rows of the output see is written down as columns (K, places), one row for
each channel and offset of the kernel, K = C/groups kh kw. With them everything is a product:

    y = w columns        dL/dw = the sum over all of columns Gᵀ, transposed        columns' = wᵀ G

and dL/dx adds up columns', each number where it was taken from. Images are copied into a frame
(C, fh, stride, fw) first, fh = H + padding and fw = (W + padding) / stride, so that no loop has to
look out for their edges, and what a row of places sees lies side by side: column q there is
(q % stride, q // stride).

Shapes: x (N, C, H, W), w (O, K), y and grad (N, O, OH, OW); `strip` is how many rows of the output
are done at a time, `blas` the address of a product's function.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations

from portanet.backends._llvm.loops_frames import copy, with_frame


def _exchange(frame, columns, adding, C, fh, fw, kh, kw, OW, first, n_rows, sh, sw, dh, dw):
    """Write columns for n_rows rows of the output from `first` on; or add them to the frame."""
    for c in range(C):
        for i in range(kh):
            for j in range(kw):
                phase, q = j * dw % sw, j * dw // sw
                there = columns + ((c * kh + i) * kw + j) * n_rows * OW
                for p in range(n_rows):
                    row = c * fh + (first + p) * sh + i * dh
                    framed, column = frame + ((row * sw + phase) * fw + q), there + p * OW
                    if adding:
                        for t in parallel(OW):
                            framed[t] = framed[t] + column[t]
                    else:
                        copy(column, framed, OW)


def forward(
    x: real[:], w: real[:], y: real[:], frame: real[:], columns: real[:], blas: i8, strip: i8,
    N: i8, C: i8, H: i8, W: i8, fh: i8, fw: i8, kh: i8, kw: i8, n_out: i8, OH: i8, OW: i8,
    sh: i8, sw: i8, top: i8, left: i8, dh: i8, dw: i8, groups: i8,
):  # fmt: skip
    """Set y to w columns."""
    k, places = C // groups * kh * kw, OH * OW
    for n in range(N):
        with_frame(x + n * C * H * W, frame, False, C, H, W, fh, fw, sw, top, left)
        for first in range(0, OH, strip):
            n_rows = smaller(strip, OH - first)
            _exchange(frame, columns, False, C, fh, fw, kh, kw, OW, first, n_rows, sh, sw, dh, dw)
            m = n_rows * OW
            for g in range(groups):
                y_g = y + ((n * groups + g) * n_out * places + first * OW)
                w_g, part = w + g * n_out * k, columns + g * k * m
                multiply(blas, 0, 0, n_out, m, k, 1, w_g, k, part, m, 0, y_g, places)


def backward_w(
    x: real[:], grad: real[:], grad_w: real[:], frame: real[:], columns: real[:], blas: i8,
    strip: i8, N: i8, C: i8, H: i8, W: i8, fh: i8, fw: i8, kh: i8, kw: i8, n_out: i8, OH: i8,
    OW: i8, sh: i8, sw: i8, top: i8, left: i8, dh: i8, dw: i8, groups: i8,
):  # fmt: skip
    """grad_w (groups, K, O/groups) = the sum over all images of columns gradᵀ."""
    k, places = C // groups * kh * kw, OH * OW
    for t in parallel(groups * k * n_out):
        grad_w[t] = 0
    for n in range(N):
        with_frame(x + n * C * H * W, frame, False, C, H, W, fh, fw, sw, top, left)
        for first in range(0, OH, strip):
            n_rows = smaller(strip, OH - first)
            _exchange(frame, columns, False, C, fh, fw, kh, kw, OW, first, n_rows, sh, sw, dh, dw)
            m = n_rows * OW
            for g in range(groups):
                grad_g = grad + ((n * groups + g) * n_out * places + first * OW)
                w_g, part = grad_w + g * n_out * k, columns + g * k * m
                multiply(blas, 0, 1, k, n_out, m, 1, part, m, grad_g, places, 1, w_g, n_out)


def backward_x(
    grad: real[:], w: real[:], grad_x: real[:], frame: real[:], columns: real[:], blas: i8,
    strip: i8, N: i8, C: i8, H: i8, W: i8, fh: i8, fw: i8, kh: i8, kw: i8, n_out: i8, OH: i8,
    OW: i8, sh: i8, sw: i8, top: i8, left: i8, dh: i8, dw: i8, groups: i8,
):  # fmt: skip
    """grad_x = the sum of the columns' wᵀ grad, each where it was taken from."""
    k, places = C // groups * kh * kw, OH * OW
    for n in range(N):
        for t in parallel(C * fh * fw * sw):
            frame[t] = 0
        for first in range(0, OH, strip):
            n_rows = smaller(strip, OH - first)
            m = n_rows * OW
            for g in range(groups):
                grad_g = grad + ((n * groups + g) * n_out * places + first * OW)
                w_g, part = w + g * n_out * k, columns + g * k * m
                multiply(blas, 1, 0, k, m, n_out, 1, w_g, k, grad_g, places, 0, part, m)
            _exchange(frame, columns, True, C, fh, fw, kh, kw, OW, first, n_rows, sh, sw, dh, dw)
        with_frame(grad_x + n * C * H * W, frame, True, C, H, W, fh, fw, sw, top, left)
