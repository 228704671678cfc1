"""Rows of the catalogue (portanet/verify/catalogue) with PyTorch's oracles and tolerances beside them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from portanet.verify.catalogue import layer_case, loss_case


@dataclass(frozen=True)
class LayerCase(layer_case.LayerCase):
    """A row, and how PyTorch computes the same.

    `torch(layer, x, parameters)` gets PyTorch tensors of x and of the layer's parameters, by the
    names of `named_parameters()`, and returns the output; PyTorch's autograd does the rest.
    `ulps` is how far float32 may be from float64, in units of float32's last place at the array's
    largest number.
    """

    torch: Callable[..., Any] | None = None
    ulps: float = 16

    @property
    def id(self) -> str:
        return self.name

    def input(self, n: int | None = None) -> np.ndarray:
        """Return x in float64 (or integers), for the row's own or another number of samples."""
        return self.draw(np.random.default_rng(sum(map(ord, self.id))), n)


@dataclass(frozen=True)
class LossCase(loss_case.LossCase):
    """A row, and how PyTorch computes the same.

    `torch(y_hat, y, weight)` returns PyTorch's mean loss; `weight` is None or one number a sample.
    """

    torch: Callable[..., Any] | None = None
    ulps: float = 16

    @property
    def id(self) -> str:
        return self.name

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        return self.draw(np.random.default_rng(sum(map(ord, self.id))))


def with_oracles(kind, rows, oracles, without=()):
    """Return the rows with their oracles by name; `without` names those that have none."""
    names = [row.name for row in rows]
    assert len(set(names)) == len(names), "two rows of one name"
    assert {*oracles, *without} == set(names), {*oracles, *without} ^ set(names)
    return [kind(**_fields(row), torch=oracles.get(row.name)) for row in rows]


def _fields(row):
    return {field.name: getattr(row, field.name) for field in fields(row)}


def weighted(losses, weight):
    """The mean of PyTorch's unreduced losses (N, ...), with one weight a sample or without."""
    losses = losses.reshape(losses.shape[0], -1).mean(dim=1)
    return losses.mean() if weight is None else (weight * losses).sum() / weight.sum()
