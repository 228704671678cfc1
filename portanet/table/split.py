"""Rows to train on and rows to validate on."""

import numpy as np

from portanet.random import Key


def split(n_rows: int, share: float, seed: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Return which rows validate, shape (N,), bool: a share of them, drawn by the seed.

    With labels it is that share of each class, rounded: what is rare is in both, and a class of one
    row is trained on. Always at least one row validates, and one trains.

    >>> labels = np.repeat([0, 1], [10, 5])
    >>> validates = split(15, 0.2, 0, labels)
    >>> int(validates[:10].sum()), int(validates[10:].sum())
    (2, 1)
    """
    rng = Key(seed, "split").generator()
    groups = [np.arange(n_rows)] if labels is None else _by_label(labels)
    chosen = np.zeros(n_rows, bool)
    for rows in groups:
        chosen[rng.permutation(rows)[: round(share * len(rows))]] = True
    if not chosen.any() or chosen.all():  # so few rows that the shares are rounded to none
        chosen[rng.integers(n_rows)] = not chosen.any()
    return chosen


def _by_label(labels: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
