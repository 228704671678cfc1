"""What a loss is."""

from math import prod
from typing import Any, ClassVar

from portanet.backends import Backend, array_namespace, backend_of
from portanet.checks import check_alike, dtype_name, is_float, trusts_values
from portanet.errors import DataError, DtypeError, ShapeError
from portanet.layer import Part
from portanet.typing import Array


class Loss(Part):
    """A function of predictions and targets that training makes small.

    `forward(y_hat, y)` gives one loss per sample, shape (N,): the mean over a sample's other axes.
    `backward()` gives the gradient of their mean over the batch with respect to y_hat. With
    `sample_weight` w, shape (N,), the losses are w_i l_i and the mean is sum(w_i l_i) / sum(w_i).
    The loss alone owns this 1/N; layers only sum.

    A loss defines two pure functions, `loss(y_hat, y)` and its derivative `gradient(y_hat, y)`,
    and says what its targets are. `link` turns the network's outputs into what people call
    predictions (probabilities, say); metrics see those.
    """

    targets: ClassVar[str] = "floats"  # or "classes": what `cast_targets` makes of y

    def loss(self, y_hat: Array, y: Array) -> Array:
        """Return the losses before they are averaged, (N, ...)."""
        raise NotImplementedError

    def gradient(self, y_hat: Array, y: Array) -> Array:
        """Return d loss / d y_hat, the shape of y_hat."""
        raise NotImplementedError

    def link(self, y_hat: Array) -> Array:
        """Return the predictions that outputs y_hat stand for."""
        return y_hat

    def check_targets(self, y: Array) -> None:
        """Look at the values of y. Raises DataError if there are some that make no sense."""

    def cast_targets(self, backend: Backend, y: Array, dtype: str) -> Array:
        """Return y on a backend, with the numbers that this loss works on."""
        return backend.asarray(y, dtype if self.targets == "floats" else backend.index_dtype())

    def forward(
        self, y_hat: Array, y: Array, *, sample_weight: Array | None = None, training: bool = False
    ) -> Array:
        """Return one loss per sample, shape (N,).

        Raises ShapeError if y does not belong to y_hat ((N,) against (N, 1) is taken as one
        column, never broadcast), DtypeError or PlacementError if they do not meet, and DataError
        if a target has a value that makes no sense.
        """
        y = self.align(y_hat, y)
        if not trusts_values():
            self.check_targets(y)
        losses = self.loss(y_hat, y)
        weights = None if sample_weight is None else self._weights(losses, sample_weight)
        if training:
            self._saved = (y_hat, y, prod(losses.shape), weights)
        if weights is not None:
            losses = losses * weights
        return mean_per_sample(losses)

    def backward(self) -> Array:
        """Return the gradient of the mean loss with respect to y_hat."""
        y_hat, y, n_losses, weights = self._take_saved()
        gradient = self.gradient(y_hat, y)
        if weights is None:
            return gradient / n_losses
        total = array_namespace(weights).sum(weights) * (n_losses / weights.shape[0])
        return gradient * (weights / total)

    def __call__(self, y_hat: Array, y: Array, *, sample_weight: Array | None = None) -> Array:
        """Return forward(y_hat, y)."""
        return self.forward(y_hat, y, sample_weight=sample_weight)

    def align(self, y_hat: Array, y: Array) -> Array:
        """Return y in the shape and dtype of y_hat, if that needs no guess."""
        who = type(self).__name__
        if not is_float(y_hat):
            raise DtypeError(f"{who}: y_hat must be floats, is {dtype_name(y_hat.dtype)}")
        y = as_column(who, y_hat, y)
        xp = array_namespace(y)
        if xp.isdtype(y.dtype, ("integral", "bool")) and backend_of(y) is backend_of(y_hat):
            return xp.astype(y, y_hat.dtype)  # labels: 0 and 1 stay 0 and 1
        check_alike(who, "y", y, "y_hat", y_hat)
        return y

    def _weights(self, losses: Array, sample_weight: Array) -> Array:
        """Return sample_weight (N,) in a shape that multiplies losses (N, ...)."""
        who = type(self).__name__
        check_alike(who, "sample_weight", sample_weight, "y_hat", losses)
        if tuple(sample_weight.shape) != (losses.shape[0],):
            raise ShapeError(
                f"{who}: sample_weight must be ({losses.shape[0]},), one for each sample, is "
                f"{tuple(sample_weight.shape)}"
            )
        return array_namespace(losses).reshape(sample_weight, (-1,) + (1,) * (losses.ndim - 1))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


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


def refuse(who: str, y: Array, bad: Array, wanted: str, advice: str) -> None:
    """Raise DataError with the first value of y where `bad` holds; on a GPU this waits for it."""
    xp = array_namespace(y)
    if not bool(xp.any(bad)):
        return
    flat = xp.reshape(bad, (-1,))
    where = int(xp.argmax(xp.astype(flat, xp.int32)))
    value: Any = xp.reshape(y, (-1,))[where]
    raise DataError(
        f"{who}: y must hold {wanted}; number {where} of it is {float(value):g}. {advice}"
    )
