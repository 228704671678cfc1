"""Sums over segments as loops, in the kernel language; `real` stands for the arrays' type."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations


def segment_sum(total: real[:], values: real[:], indices: i8[:], n: i8, n_rows: i8, n_features: i8):
    """total[k] = the sum of the rows of values whose index is k, in order, for k = 0 … n - 1."""
    for t in parallel(n * n_features):
        total[t] = 0
    for i in range(n_rows):
        k = indices[i]
        if (k >= 0) & (k < n):
            row, value = total + k * n_features, values + i * n_features
            for t in unmasked(n_features):
                row[t] = row[t] + value[t]
