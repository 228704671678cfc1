"""Sums over segments as loops, in the kernel language; `real` stands for the arrays' type."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations


def _add_rows(total, values, indices, n, begin, end, n_features):
    for i in range(begin, end):
        k = indices[i]
        if (k >= 0) & (k < n):
            row, value = total + k * n_features, values + i * n_features
            for t in unmasked(n_features):
                row[t] = row[t] + value[t]


def segment_sum(total: real[:], values: real[:], indices: i8[:], n: i8, n_rows: i8, n_features: i8):
    """total[k] = the sum of the rows of values whose index is k, in order, for k = 0 … n - 1."""
    for t in parallel(n * n_features):
        total[t] = 0
    _add_rows(total, values, indices, n, 0, n_rows, n_features)


def segment_sum_in_blocks(
    total: real[:], values: real[:], indices: i8[:], n: i8, n_rows: i8, n_features: i8,
    partial: real[:], block: i8,
):  # fmt: skip
    """Add block by block, each into `partial` (n, n_features), for few and long segments."""
    for t in parallel(n * n_features):
        total[t] = 0
    for begin in range(0, n_rows, block):
        for t in parallel(n * n_features):
            partial[t] = 0
        _add_rows(partial, values, indices, n, begin, smaller(begin + block, n_rows), n_features)
        for t in parallel(n * n_features):
            total[t] = total[t] + partial[t]
