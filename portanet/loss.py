"""What a loss is."""

from math import prod
from typing import Any, ClassVar

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import check_alike, dtype_name, is_float, skips_value_checks
from portanet.errors import DataError, DtypeError, PlacementError, ShapeError
from portanet.layer import Part
from portanet.typing import Array, Dtype


class Loss(Part):
    """A function of predictions and targets that training makes small.

    `forward(y_hat, y)` gives one loss per sample, shape (N,): the mean over a sample's other axes.
    `backward()` gives the gradient of their mean over the batch with respect to y_hat. With
    `sample_weight` w, shape (N,), w >= 0, the losses are w_i l_i and the mean is
    sum(w_i l_i) / sum(w_i). The loss alone owns this 1/N; layers only sum.

    Some losses weigh the elements of a sample, too: class weights, tokens to be ignored. Then the
    losses have these weights in them, and the mean is sum(losses) / sum(weight_of(y)). Where all
    weights are 0 there is nothing to learn: the losses are 0 and so is the gradient, never NaN.

    A loss defines two pure functions, `loss(y_hat, y)` and its derivative `gradient(y_hat, y)`,
    and says what its targets are. `link` turns the network's outputs into what people call
    predictions (probabilities, say); metrics see those.
    """

    targets: ClassVar[str] = "floats"  # or "classes": integers are class indices, not numbers

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the losses before they are averaged, (N, ...), with the elements' weights.

        A loss that sums over an axis (of classes, say) keeps it with length 1: then losses and
        weights broadcast against the gradient.
        """
        raise NotImplementedError

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return d loss / d y_hat, the shape of y_hat."""
        raise NotImplementedError

    def element_weights(self, y: Array, dtype: Dtype) -> Array | None:  # noqa: ARG002
        """Return what each element of y counts in the mean, y's shape; None where all count 1."""
        return None

    def link(self, y_hat: Array) -> Array:
        """Return the predictions that outputs y_hat stand for."""
        return y_hat

    def check_targets(self, y: Array, y_hat_shape: tuple[int, ...] | None = None) -> None:
        """Look at the values of y. Raises DataError if there are some that make no sense.

        `y_hat_shape` is the shape of the outputs that y will meet, for any number of samples: it
        says how many classes there are. Without it, what depends on that is not looked at.
        """

    def cast_targets(self, backend: Backend, y: Array, dtype: str) -> Array:
        """Return y on a backend, with the numbers that this loss works on."""
        indices = self.targets == "classes" and not is_float(y)
        return backend.asarray(y, backend.index_dtype() if indices else dtype)

    def weight_of(self, y: Array, sample_weight: Array | None = None) -> Array | None:
        """Return what each sample counts in the mean, (N,), in this loss's dtype; None: all 1.

        sum(forward(y_hat, y)) / sum(weight_of(y)) is the mean loss, of a batch or of an epoch.
        """
        return self._weight_of(y, backend_of(y).dtype(self.dtype), sample_weight)

    def forward(
        self, y_hat: Array, y: Array, *, sample_weight: Array | None = None, training: bool = False
    ) -> Array:
        """Return one loss per sample, shape (N,).

        Raises ShapeError if y does not belong to y_hat ((N,) against (N, 1) is taken as one
        column, never broadcast), DtypeError or PlacementError if they do not meet, and DataError
        if a target or a weight has a value that makes no sense.
        """
        y = self.align(y_hat, y)
        if sample_weight is not None:
            self._check_weights(y_hat, sample_weight)
        if not skips_value_checks():
            self.check_targets(y, tuple(y_hat.shape))
        losses = self.loss(y_hat, y)
        if training:
            self._saved = (y_hat, y, prod(losses.shape[1:]), sample_weight)
        if sample_weight is not None:
            losses = _weighted(losses, sample_weight, sample_weight)
        return mean_per_sample(losses)

    def backward(self) -> Array:
        """Return the gradient of the mean loss with respect to y_hat."""
        y_hat, y, n_elements, sample_weight = self._take_saved()
        gradient = self.gradient(y_hat, y)
        weights = self._weight_of(y, y_hat.dtype, sample_weight)
        if weights is None:
            return gradient / max(y_hat.shape[0] * n_elements, 1)
        xp = array_namespace(weights)
        total = xp.sum(weights) * n_elements
        total = xp.where(total == 0, xp.ones_like(total), total)
        if sample_weight is None:
            return gradient / total
        return _weighted(gradient, sample_weight, sample_weight / total)

    def __call__(self, y_hat: Array, y: Array, *, sample_weight: Array | None = None) -> Array:
        """Return forward(y_hat, y)."""
        return self.forward(y_hat, y, sample_weight=sample_weight)

    def align(self, y_hat: Array, y: Array) -> Array:
        """Return y in the shape and dtype of y_hat, if that needs no guess."""
        who = type(self).__name__
        check_outputs(who, y_hat)
        y = as_column(who, y_hat, y)
        xp = array_namespace(y)
        if xp.isdtype(y.dtype, ("integral", "bool")) and backend_of(y) is backend_of(y_hat):
            return xp.astype(y, y_hat.dtype)  # labels: 0 and 1 stay 0 and 1
        check_alike(who, "y", y, "y_hat", y_hat)
        return y

    def _weight_of(self, y: Array, dtype: Dtype, sample_weight: Array | None) -> Array | None:
        weights = self.element_weights(y, dtype)
        if weights is None:
            return sample_weight
        weights = mean_per_sample(weights)
        return weights if sample_weight is None else weights * sample_weight

    def _check_weights(self, y_hat: Array, sample_weight: Array) -> None:
        who, n = type(self).__name__, y_hat.shape[0]
        check_alike(who, "sample_weight", sample_weight, "y_hat", y_hat)
        if tuple(sample_weight.shape) != (n,):
            raise ShapeError(
                f"{who}: sample_weight must be ({n},), one for each sample, is "
                f"{tuple(sample_weight.shape)}"
            )
        if not skips_value_checks():
            advice = "0 leaves a sample out."
            refuse(
                who, sample_weight, ~(sample_weight >= 0), "numbers >= 0", advice, "sample_weight"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def check_outputs(who: str, y_hat: Array) -> None:
    """Raise DtypeError or ShapeError unless y_hat is (N, ...) of floats."""
    if not is_float(y_hat):
        raise DtypeError(f"{who}: y_hat must be floats, is {dtype_name(y_hat.dtype)}")
    if y_hat.ndim == 0:
        raise ShapeError(f"{who}: y_hat must be (N, ...), is a single number")


def check_place(who: str, y_hat: Array, y: Array) -> None:
    """Raise PlacementError unless y is on the device of y_hat."""
    here, there = backend_of(y), backend_of(y_hat)
    if here is not there:
        raise PlacementError(
            f"{who}: y must be on the device of y_hat, {there}; it is on {here}. "
            f"Move it with portanet.backends.get({there.name!r}).asarray(...)"
        )


def bounded(x: Array) -> Array:
    """Return x with what lies beyond ±2^100 = ±1.3e30 put there: infinities become finite.

    Sums of such numbers stay finite in float32, 0 times one is 0, and a NaN stays one.

    >>> import numpy as np
    >>> bounded(np.asarray([-np.inf, 5.0]))
    array([-1.2676506e+30,  5.0000000e+00])
    """
    xp = array_namespace(x)
    return xp.minimum(xp.maximum(x, -LARGE), LARGE)


LARGE = 2.0**100


def _weighted(x: Array, sample_weight: Array, factor: Array) -> Array:
    """Return x (N, ...) times a factor (N,); a sample of weight 0 gives 0, even for inf or NaN."""
    xp, column = array_namespace(x), (x.shape[0],) + (1,) * (x.ndim - 1)
    counts = xp.reshape(sample_weight != 0, column)
    return xp.where(counts, x, xp.zeros_like(x)) * xp.reshape(factor, column)


def as_column(who: str, y_hat: Array, y: Array) -> Array:
    """Return y with y_hat's shape: as it is, or (N,) as one column (N, 1). Raises ShapeError."""
    wanted, came = tuple(y_hat.shape), tuple(y.shape)
    if came == wanted:
        return y
    if wanted == (*came, 1) or (*wanted, 1) == came:
        return array_namespace(y).reshape(y, wanted)
    raise ShapeError(f"{who}: y must have y_hat's shape {wanted}, is {came}")


def mean_per_sample(losses: Array) -> Array:
    """Return the mean of losses (N, ...) over all axes but the first, shape (N,)."""
    if losses.ndim == 1:
        return losses
    xp = array_namespace(losses)
    rows = xp.reshape(losses, (losses.shape[0], prod(losses.shape[1:])))
    return rows[:, 0] if rows.shape[1] == 1 else xp.mean(rows, axis=1)


def refuse(who: str, y: Array, bad: Array, wanted: str, advice: str, name: str = "y") -> None:
    """Raise DataError with the first value of y where `bad` holds; on a GPU this waits for it."""
    xp = array_namespace(y)
    if not bool(xp.any(bad)):
        return
    flat = xp.reshape(bad, (-1,))
    where = int(xp.argmax(xp.astype(flat, xp.int32)))
    value: Any = xp.reshape(y, (-1,))[where]
    raise DataError(
        f"{who}: {name} must hold {wanted}; number {where} of it is {float(value):g}. {advice}"
    )
