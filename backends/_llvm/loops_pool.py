"""Pooling as loops, in the kernel language; `real` stands for the arrays' type.

For windows that lie side by side (stride = kernel, no padding); their offsets I and J are written
out. Shapes: x and grad_x (planes, H, W), y and grad (planes, OH, OW).

A row is done in blocks of as many windows as fit into a vector, the last of which overlaps the one
before it: rows of 14 as 0 … 7 and 6 … 13. One by one, the last ones would take longest.
"""

# ruff: noqa: F821, E741
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations

I, J = (0, 1), (0, 1)
kh, kw, block = 2, 2, 8


def forward(x: real[:], y: real[:], planes: i8, H: i8, W: i8, OH: i8, OW: i8):
    """y[p, q] = the maximum over i, j of x[p kh + i, q kw + j]; NaN if one is."""
    for plane in range(planes):
        for p in range(OH):
            for start in range(0, OW, block):
                q0 = smaller(start, OW - block)
                seen = x + ((plane * H + p * kh) * W + q0 * kw)
                out = y + ((plane * OH + p) * OW + q0)
                for q in unmasked(block):
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
            for start in range(0, OW, block):
                q0 = smaller(start, OW - block)
                at, q_at = (plane * H + p * kh) * W + q0 * kw, (plane * OH + p) * OW + q0
                seen, out, largest, arriving = x + at, grad_x + at, y + q_at, grad + q_at
                for q in unmasked(block):
                    waiting = bool(1)
                    for i in I:
                        for j in J:
                            value = seen[i * W + q * kw + j]
                            here = waiting & ((value == largest[q]) | (value != value))
                            out[i * W + q * kw + j] = arriving[q] if here else 0
                            waiting = waiting & (not here)
