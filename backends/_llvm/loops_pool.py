"""Pooling as loops, in the kernel language; `real` stands for the arrays' type.

For windows that lie side by side (stride = kernel, no padding); their offsets I and J are written
out. Shapes: x and grad_x (planes, H, W), y and grad (planes, OH, OW).
"""

# ruff: noqa: F821, E741
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations

I, J = (0, 1), (0, 1)
kh, kw = 2, 2


def forward(x: real[:], y: real[:], planes: i8, H: i8, W: i8, OH: i8, OW: i8):
    """y[p, q] = the maximum over i, j of x[p kh + i, q kw + j]; NaN if one is."""
    for plane in range(planes):
        for p in range(OH):
            seen, out = x + (plane * H + p * kh) * W, y + (plane * OH + p) * OW
            for q in unmasked(OW):
                largest = seen[q * kw]
                for i in I:
                    for j in J:
                        value = seen[i * W + q * kw + j]
                        largest = value if (value > largest) | (value != value) else largest
                out[q] = largest


def backward(
    x: real[:], y: real[:], grad: real[:], grad_x: real[:], planes: i8, H: i8, W: i8, OH: i8,
    OW: i8,
):  # fmt: skip
    """grad_x = grad where a window's maximum is found first, row by row; else 0."""
    for plane in range(planes):
        for p in range(OH):
            seen, out = x + (plane * H + p * kh) * W, grad_x + (plane * H + p * kh) * W
            largest, arriving = y + (plane * OH + p) * OW, grad + (plane * OH + p) * OW
            for q in unmasked(OW):
                waiting = bool(1)
                for i in I:
                    for j in J:
                        value = seen[i * W + q * kw + j]
                        here = waiting & ((value == largest[q]) | (value != value))
                        out[i * W + q * kw + j] = arriving[q] if here else 0
                        waiting = waiting & (not here)
