"""An image with its padding, as loops on images read it; in the kernel language.

A frame is (C, rows, stride, pitch): rows from the top of the padding to its bottom, and of each row
the columns q, q + stride, … side by side, so that what a row of the output sees is contiguous.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations


def _in_vectors(to, source, n, lanes):
    """Copy n numbers as vectors, of which the last overlaps the one before it."""
    for t in range(0, n, lanes):
        start = smaller(t, n - lanes)
        put(to + start, vector(source + start, lanes))


def copy(to, source, n):
    """Copy n numbers that lie side by side: few, as rows of images are."""
    if n >= 16:
        _in_vectors(to, source, n, 16)
    elif n >= 8:
        _in_vectors(to, source, n, 8)
    elif n >= 4:
        _in_vectors(to, source, n, 4)
    else:
        for t in range(n):
            to[t] = source[t]


def _copy_apart(to, to_step, source, step, n):
    if (to_step == 1) & (step == 1):
        copy(to, source, n)
    else:
        for t in range(n):
            to[t * to_step] = source[t * step]


def with_frame(x, frame, taking, C, H, W, fh, fw, stride, top, left):
    """Copy an image x (C, H, W) into a frame, whose edges stay as they are; or take it out."""
    for c in range(C):
        for row in range(H):
            for phase in range(stride):
                low = -((phase - left) // stride)  # the first that is not padding
                n = -((phase - left - W) // stride) - low
                framed = frame + (((c * fh + row + top) * stride + phase) * fw + low)
                image = x + ((c * H + row) * W + low * stride + phase - left)
                if taking:
                    _copy_apart(image, stride, framed, 1, n)
                else:
                    _copy_apart(framed, 1, image, stride, n)
