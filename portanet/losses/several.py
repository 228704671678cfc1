"""Losses of several outputs, added up with weights."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from portanet.backends import Backend, array_namespace
from portanet.checks import check_number
from portanet.errors import ArgumentError, short
from portanet.graph import Graph
from portanet.joined import joined, joined_rows
from portanet.layer import Layer
from portanet.loss import Loss
from portanet.several import (
    Arrays,
    check_same_form,
    keys_of,
    labels,
    like,
    map_parts,
    parts_of,
    unweighted,
)
from portanet.typing import Array


class Losses(Loss):
    """L = Σ_k w_k L_k, where L_k is the mean of a loss on output k of the network.

    Shapes: y_hat and y are dicts with the names of the losses, or as many arrays in a tuple or
    list; each pair as its loss wants it. forward gives one number per sample, shape (N,), whose
    mean over the batch is L.

    dL/d(output k) = w_k dL_k/d(output k), in the form of the outputs.

    `losses` is a dict of losses by the names of a Graph's outputs, or a list in their order;
    `weights` are numbers >= 0 in the same form, 1 where none is given.

    Where a loss weights elements (class weights, ignored tokens) L_k is the weighted mean of the
    batch; the mean of an epoch is that of its batches' L, each with its number of samples.

    Raises ArgumentError unless `losses` are losses and `weights` are of them; ShapeError unless
    y_hat and y have an array for each; see each loss.

    Source: Caruana, "Multitask learning", 1997.

    >>> import numpy as np
    >>> from portanet import MSE, MAE
    >>> criterion = Losses({"price": MSE(), "area": MAE()}, weights={"area": 0.5})
    >>> y_hat = {"price": np.ones((2, 1)), "area": np.asarray([[0.0], [4.0]])}
    >>> criterion(y_hat, {"price": np.zeros(2), "area": np.zeros(2)})
    array([1., 3.])
    """

    several = True

    def __init__(
        self,
        losses: Mapping[str, Loss] | Sequence[Loss],
        *,
        weights: Mapping[str, float] | Sequence[float] | None = None,
    ) -> None:
        named = dict(losses) if isinstance(losses, Mapping) else losses
        if not isinstance(named, dict | list | tuple) or not named:
            raise ArgumentError(
                f"Losses: losses must be a dict or list of losses, is {short(losses)}"
            )
        for label, loss in zip(labels("losses", named), parts_of(named), strict=True):
            if not isinstance(loss, Loss):
                raise ArgumentError(
                    f"Losses: {label} must be a loss such as MSE(), is {short(loss)}"
                    + ("; make one of it with ()" if isinstance(loss, type) else "")
                )
        self.losses: Any = named if isinstance(named, dict) else list(named)
        self.weights: Any = like(self.losses, self._weights(weights))

    def constructor_arguments(self) -> dict[str, Any]:
        """Return what makes such a loss, of the losses as they are now."""
        return {"losses": self.losses, "weights": self.weights}

    def _weights(self, weights: Any) -> list[float]:
        keys, given = keys_of(self.losses), {} if weights is None else weights
        if not isinstance(given, Mapping):
            check_same_form("Losses", "weights", given, "losses", self.losses)
            given = dict(enumerate(given))
        unknown = [key for key in given if key not in keys]
        if unknown:
            raise ArgumentError(
                f"Losses: weights must be of the losses {keys}, got one of {unknown[0]!r}"
            )
        return [
            check_number("Losses", f"weights[{key!r}]", given.get(key, 1.0), 0, inf) for key in keys
        ]

    def forward(
        self, y_hat: Arrays, y: Arrays, *, sample_weight: Array | None = None,
        training: bool = False,
    ) -> Array:  # fmt: skip
        """Return one number per sample, shape (N,)."""
        y, given = unweighted(y)
        sample_weight = given if sample_weight is None else sample_weight
        check_same_form("Losses", "y_hat", y_hat, "the losses", self.losses)
        check_same_form("Losses", "y", y, "the losses", self.losses)
        if training:
            self._saved = map_parts(lambda _: None, y_hat)
        total: Any = 0
        for key in keys_of(self.losses):
            loss, of = self.losses[key], self.losses[key].align(y_hat[key], y[key])
            losses = loss.forward(y_hat[key], of, sample_weight=sample_weight, training=training)
            total = total + losses * (self.weights[key] * _share(loss, of, sample_weight))
        return total

    def backward(self) -> Any:
        """Return w_k dL_k/d(output k), in the form of the outputs."""
        form = self._take_saved()
        return like(form, [self.losses[k].backward() * self.weights[k] for k in keys_of(form)])

    def weight_of(self, y: Arrays, sample_weight: Array | None = None) -> Array | None:
        """Return the weight of each sample in the mean, (N,); None: all 1."""
        return unweighted(y)[1] if sample_weight is None else sample_weight

    def link(self, y_hat: Arrays) -> Any:
        """Return each loss's predictions for its output."""
        return self._each("link", y_hat)

    def scores(self, y_hat: Arrays) -> Any:
        """Return each loss's scores for its output."""
        return self._each("scores", y_hat)

    def decisions(self, y_hat: Arrays) -> Any:
        """Return each loss's predictions in the terms of its targets."""
        return self._each("decisions", y_hat)

    def probabilities(self, y_hat: Arrays) -> Any:
        """Return the probabilities of the outputs that are some; raises if a loss has none."""
        return self._each("probabilities", y_hat)

    def check_targets(self, y: Arrays, y_hat_shape: Any = None) -> None:
        """Raise what the losses raise for invalid targets."""
        check_same_form("Losses", "y", y, "the losses", self.losses)
        if y_hat_shape is not None:
            check_same_form("Losses", "y_hat", y_hat_shape, "the losses", self.losses)
        for key in keys_of(self.losses):
            shape = None if y_hat_shape is None else y_hat_shape[key]
            self.losses[key].check_targets(y[key], shape)

    def cast_targets(self, backend: Backend, y: Arrays, dtype: str) -> Any:
        """Return each target in the dtype that its loss needs."""
        keys = keys_of(y)
        return like(y, [self.losses[k].cast_targets(backend, y[k], dtype) for k in keys])

    def check_last_layer(self, network: Layer) -> None:
        """Let each loss look at what the network's last layer returns for it."""
        last: Any = getattr(network, "layers", [network])[-1]
        if not isinstance(last, Graph):
            return
        check_same_form("Losses", "the losses", self.losses, "the Graph's outputs", last.outputs)
        for key in keys_of(self.losses):
            self.losses[key].check_returned(last.returned(last.outputs[key]), stacklevel=5)

    def _each(self, method: str, y_hat: Arrays) -> Any:
        check_same_form("Losses", "y_hat", y_hat, "the losses", self.losses)
        return like(y_hat, [getattr(self.losses[k], method)(y_hat[k]) for k in keys_of(y_hat)])

    def __repr__(self) -> str:
        return f"Losses({self.losses})"


def _share(loss: Loss, y: Array, sample_weight: Array | None) -> Any:
    """Return what the weighted losses of a batch are to be multiplied by, so that the sum of all
    over the sum of sample weights is their mean: 1 unless the loss has weights of its own.
    """  # noqa: D205
    weights = loss.weight_of(y, sample_weight)
    if weights is None or weights is sample_weight:
        return 1.0
    xp = array_namespace(weights)
    total = joined(xp.sum(weights))
    total = xp.where(total == 0, xp.ones_like(total), total)
    if sample_weight is None:
        return joined_rows("Losses", y.shape[0]) / total
    return joined(xp.sum(sample_weight)) / total
