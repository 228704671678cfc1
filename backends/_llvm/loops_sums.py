"""Sums of rows in NumPy's order, in the kernel language; `real` stands for the arrays' type.

Eight totals are kept side by side, as numpy/_core/src/umath/loops_utils.h does (pairwise_sum), and
then added in pairs; fewer than eight numbers are added one after the other. + 0.0 makes 0 of -0.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations


def short_row_sums(total: real[:], x: real[:], n: i8):
    """total[i] = x[i, 0] + … + x[i, n - 1] for n < 8."""
    for i in range(first, last):
        row = x + i * n
        t = row[0]
        for j in range(1, n):
            t = t + row[j]
        total[i] = t + 0.0


def row_sums(total: real[:], x: real[:], n: i8):
    """total[i] = x[i, 0] + … + x[i, n - 1] for n = 8 … 128."""
    for i in range(first, last):
        row = x + i * n
        a, b, c, d = row[0], row[1], row[2], row[3]
        e, f, g, h = row[4], row[5], row[6], row[7]
        whole = (n >> 3) << 3
        for j in range(8, whole, 8):
            part = row + j
            a, b, c, d = a + part[0], b + part[1], c + part[2], d + part[3]
            e, f, g, h = e + part[4], f + part[5], g + part[6], h + part[7]
        t = ((a + b) + (c + d)) + ((e + f) + (g + h))
        for j in range(whole, n):
            t = t + row[j]
        total[i] = t + 0.0
