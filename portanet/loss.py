"""Loss: the base class of losses."""

import warnings
from math import prod
from typing import Any, ClassVar

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import check_alike, is_float, skips_value_checks
from portanet.errors import ArgumentError, LastLayerWarning
from portanet.joined import joined, joined_rows
from portanet.layer import Layer, Part
from portanet.loss_weights import check_sample_weight, mean_per_sample, weighted
from portanet.several import unweighted
from portanet.targets import as_column, check_outputs, without_column
from portanet.typing import Array, Dtype


class Loss(Part):
    """A function of predictions and targets that training minimizes.

    `forward(y_hat, y)` gives one loss per sample, shape (N,): the mean over a sample's other axes.
    `backward()` gives the gradient of their mean over the batch with respect to y_hat. With
    `sample_weight` w, shape (N,), w >= 0, the losses are w_i l_i and the mean is
    sum(w_i l_i) / sum(w_i). The division by N is here only; layers sum over the batch.
    Where ranks share a batch, N and sum(w) are those of the joined batch (portanet.joined).

    Weights of a data set come with its targets (several.Weighted), and are taken out of them.

    Some losses also weight the elements of a sample: class weights, ignored tokens. Then the losses
    include these weights, and the mean is sum(losses) / sum(weight_of(y)). Where all weights are 0,
    the losses and the gradient are 0, never NaN.

    A subclass defines two pure functions, `loss(y_hat, y)` and its derivative `gradient(y_hat, y)`,
    and the class attributes below. `link` maps the network's outputs to predictions (probabilities,
    say), which are the input of metrics.
    """

    how_to_call: ClassVar[str] = "{}()(y_hat, y)"
    targets: ClassVar[str] = "floats"  # or "classes": integers are class indices, not numbers
    several: ClassVar[bool] = False  # whether it takes y_hat and y of several arrays
    expects: ClassVar[str] = "numbers"  # y_hat; or "logits", "probabilities", "log-probabilities"

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the losses (N, ...) before averaging, times the elements' weights.

        A loss that sums over an axis (of classes, say) keeps it with length 1: then losses and
        weights broadcast against the gradient.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define loss(y_hat, y): the losses before averaging"
        )

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return d loss / d y_hat, in the shape of y_hat."""
        raise NotImplementedError(
            f"{type(self).__name__} must define gradient(y_hat, y): the derivative of its loss"
        )

    def element_weights(self, y: Array, dtype: Dtype) -> Array | None:  # noqa: ARG002
        """Return the weight of each element of y in the mean, in y's shape; None: all are 1."""
        return None

    def link(self, y_hat: Array) -> Array:
        """Return the predictions for the outputs y_hat: the input of metrics."""
        return y_hat

    def scores(self, y_hat: Array) -> Array:
        """Return scores in the order of link(y_hat), which need not saturate at 0 and 1."""
        return self.link(y_hat)

    def predictions(self, y_hat: Array, metric: Any) -> Array:
        """Return the input of a metric: scores(y_hat) if it compares scores, else link(y_hat)."""
        of_scores = getattr(getattr(metric, "func", metric), "of_scores", False)  # func: partial's
        return self.scores(y_hat) if of_scores else self.link(y_hat)

    def decisions(self, y_hat: Array) -> Array:
        """Return what a network predicts, in the terms of y: a column (N, 1) as (N,)."""
        return without_column(self.link(y_hat))

    def probabilities(self, y_hat: Array) -> Array:  # noqa: ARG002
        """Return probabilities, of a single column (N, 1) those of 0 and of 1, (N, 2).

        Raises ArgumentError if this loss compares numbers.
        """
        raise ArgumentError(
            f"predict_proba: a network that is trained on {self!r} gives no probabilities; predict "
            "gives its predictions"
        )

    def check_targets(self, y: Array, y_hat_shape: tuple[int, ...] | None = None) -> None:
        """Raise DataError if y holds invalid values.

        `y_hat_shape` is the shape of the outputs for y, for any number of samples: it gives the
        number of classes. Without it, the checks that need that number are left out.
        """

    def check_last_layer(self, network: Layer) -> None:
        """Warn with LastLayerWarning if the network's last layer returns what this loss computes.

        Softmax before CrossEntropy is such a pair: it trains, but slowly and to a larger loss.
        """
        self.check_returned(network.returns, stacklevel=5)

    def check_returned(self, returned: str, stacklevel: int) -> None:
        """Warn with LastLayerWarning if a layer returns what this loss computes."""
        accepted = {"numbers", "as its input", self.expects}
        if self.expects == "logits":
            accepted.add("log-probabilities")  # they are logits, of the same probabilities
        if self.expects != "numbers" and returned not in accepted:
            who = type(self).__name__
            warnings.warn(
                f"{who}: y_hat must be {self.expects}, but the network's last layer returns "
                f"{returned}; leave that layer out, or use a loss on {returned}",
                LastLayerWarning,
                stacklevel=stacklevel,  # where the network is made
            )

    def cast_targets(self, backend: Backend, y: Array, dtype: str) -> Array:
        """Return y on a backend, in the dtype that this loss needs."""
        indices = self.targets == "classes" and not is_float(y)
        return backend.asarray(y, backend.index_dtype() if indices else dtype)

    def weight_of(self, y: Array, sample_weight: Array | None = None) -> Array | None:
        """Return the weight of each sample in the mean, (N,), in this loss's dtype; None: all 1.

        sum(forward(y_hat, y)) / sum(weight_of(y)) is the mean loss, of a batch or of an epoch.
        """
        y, given = unweighted(y)
        sample_weight = given if sample_weight is None else sample_weight
        return self._weight_of(y, backend_of(y).dtype(self.dtype), sample_weight)

    def forward(
        self, y_hat: Array, y: Array, *, sample_weight: Array | None = None, training: bool = False
    ) -> Array:
        """Return one loss per sample, shape (N,).

        Raises ShapeError if the shape of y does not match y_hat ((N,) against (N, 1) is one column,
        never broadcast), DtypeError or PlacementError if their dtypes or devices differ, and
        DataError if a target or a weight has an invalid value.
        """
        y, given = unweighted(y)
        sample_weight = given if sample_weight is None else sample_weight
        y = self.align(y_hat, y)
        if sample_weight is not None:
            check_sample_weight(type(self).__name__, y_hat, sample_weight)
        if not skips_value_checks():
            self.check_targets(y, tuple(y_hat.shape))
        losses = self.loss(y_hat, y)
        if training:
            self._saved = (y_hat, y, prod(losses.shape[1:]), sample_weight)
        if sample_weight is not None:
            losses = weighted(losses, sample_weight, sample_weight)
        return mean_per_sample(losses)

    def backward(self) -> Array:
        """Return the gradient of the mean loss with respect to y_hat."""
        y_hat, y, n_elements, sample_weight = self._take_saved()
        gradient = self.gradient(y_hat, y)
        weights = self._weight_of(y, y_hat.dtype, sample_weight)
        if weights is None:
            n = joined_rows(type(self).__name__, y_hat.shape[0])
            return gradient / max(n * n_elements, 1)
        xp = array_namespace(weights)
        total = joined(xp.sum(weights)) * n_elements
        total = xp.where(total == 0, xp.ones_like(total), total)
        if sample_weight is None:
            return gradient / total
        return weighted(gradient, sample_weight, sample_weight / total)

    def __call__(self, y_hat: Array, y: Array, *, sample_weight: Array | None = None) -> Array:
        """Return forward(y_hat, y)."""
        return self.forward(y_hat, y, sample_weight=sample_weight)

    def align(self, y_hat: Array, y: Array) -> Array:
        """Return y in the shape and dtype of y_hat. Raises unless that is unambiguous."""
        who = type(self).__name__
        check_outputs(who, y_hat)
        y = as_column(who, y_hat, y)
        xp = array_namespace(y)
        if xp.isdtype(y.dtype, ("integral", "bool")) and backend_of(y) is backend_of(y_hat):
            return xp.astype(y, y_hat.dtype)  # exact for labels
        check_alike(who, "y", y, "y_hat", y_hat)
        return y

    def _weight_of(self, y: Array, dtype: Dtype, sample_weight: Array | None) -> Array | None:
        weights = self.element_weights(y, dtype)
        if weights is None:
            return sample_weight
        weights = mean_per_sample(weights)
        return weights if sample_weight is None else weights * sample_weight
