"""Shared by losses over C classes: class indices as targets, class weights, ignore_index."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_alike, dtype_name, is_float, short
from portanet.errors import ArgumentError, DtypeError, ShapeError
from portanet.layer import Buffer
from portanet.loss import Loss
from portanet.losses._bounded import bounded
from portanet.losses.probabilities import check_probabilities
from portanet.losses.weights import Weights, parse_weights, weights_like
from portanet.options import Option
from portanet.targets import check_outputs, check_place, refuse
from portanet.typing import Array, Dtype


def _check_weights(who: str, name: str, weights: Any) -> Weights:
    if weights is not None and isinstance(weights, int | float):
        raise ArgumentError(
            f"{who}: {name} must be numbers, one per class, is {short(weights)}; for example "
            f"{name}=[1.0, 2.0]"
        )
    return parse_weights(who, name, weights)


def _check_axis(who: str, name: str, axis: Any) -> int:
    if not isinstance(axis, int) or axis == 0:
        raise ArgumentError(
            f"{who}: {name} must be the axis of the classes, usually -1 or 1, is {short(axis)}; "
            "0 is the axis of the samples"
        )
    return axis


def _check_index(who: str, name: str, index: Any) -> int:
    if not isinstance(index, int):
        raise ArgumentError(f"{who}: {name} must be an integer, is {short(index)}")
    return index


class _Classes(Loss):
    """Shared by losses over classes: class indices as targets, class weights, ignore_index.

    `masses` are the coefficients of the classes in a sample's loss.
    """

    targets: ClassVar[str] = "classes"
    class_weights = Option(_check_weights)
    ignore_index = Option(_check_index, none=True)
    axis = Option(_check_axis)

    def __init__(
        self,
        class_weights: Sequence[float] | None = None,
        ignore_index: int | None = None,
        axis: int = -1,
    ) -> None:
        self.class_weights = cast("Any", class_weights)
        self.ignore_index, self.axis = ignore_index, axis

    def align(self, y_hat: Array, y: Array) -> Array:
        """Return indices with an axis of length 1 for the classes; probabilities unchanged."""
        who = type(self).__name__
        check_outputs(who, y_hat)
        kept = self._kept_shape(tuple(y_hat.shape))
        if is_float(y):
            self._check_soft(tuple(y.shape), tuple(y_hat.shape), dtype_name(y.dtype))
            check_alike(who, "y", y, "y_hat", y_hat)
            return y
        check_place(who, y_hat, y)
        backend = backend_of(y_hat)
        axis = self.axis % y_hat.ndim
        positions = kept[:axis] + kept[axis + 1 :]
        if tuple(y.shape) not in (kept, positions):
            raise ShapeError(
                f"{who}: y must be {positions}, class indices for y_hat {tuple(y_hat.shape)}, is "
                f"{tuple(y.shape)}" + self._advice
            )
        xp = array_namespace(y)
        return xp.reshape(xp.astype(y, backend.dtype(backend.index_dtype()), copy=False), kept)

    def check_targets(self, y: Array, y_hat_shape: tuple[int, ...] | None = None) -> None:
        """Raise DataError unless y holds class indices (or probabilities).

        With y_hat_shape indices are also compared with the number of classes.
        """
        who = type(self).__name__
        if is_float(y):
            self._check_soft(tuple(y.shape), y_hat_shape, dtype_name(y.dtype))
            check_probabilities(who, y, self.axis)
            return
        xp = array_namespace(y)
        if xp.isdtype(y.dtype, "bool"):
            y = xp.astype(y, xp.int8)
        bad, wanted = y < 0, "class indices >= 0"
        if y_hat_shape is not None:
            n_classes = y_hat_shape[self.axis]
            bad, wanted = bad | (y >= n_classes), f"class indices from 0 to {n_classes - 1}"
        if self.ignore_index is not None:
            bad = bad & (y != self.ignore_index)
        advice = "Number the classes from 0 (y - 1), or give the network more outputs; "
        refuse(who, y, bad, wanted, advice + "ignore_index=... excludes targets.")

    def element_weights(self, y: Array, dtype: Dtype) -> Array | None:
        """Return the weight of each target's class, 0 for ignored targets; None: all are 1."""
        if is_float(y) or (self.ignore_index is None and self.class_weights is None):
            return None
        xp, counts = array_namespace(y), self._counts(y)
        if not isinstance(self.class_weights, Buffer):
            return xp.astype(counts, dtype)
        classes = xp.reshape(xp.where(counts, y, xp.zeros_like(y)), (-1,))
        weights = xp.take(xp.astype(self.class_weights.value, dtype), classes, axis=0)
        return xp.reshape(weights, tuple(y.shape)) * xp.astype(counts, dtype)

    def masses(self, y_hat: Array, y: Array, smoothing: float = 0.0) -> Array:
        """Return the coefficient of -log p of each class in the loss, in y_hat's shape."""
        xp, n_classes = array_namespace(y_hat), y_hat.shape[self.axis]
        if is_float(y):
            masses = y
        else:
            shape = [1] * y_hat.ndim
            shape[self.axis] = n_classes
            classes = xp.arange(n_classes, dtype=y.dtype, device=y_hat.device)
            masses = xp.astype(xp.reshape(classes, tuple(shape)) == y, y_hat.dtype)
        if smoothing:
            masses = (1 - smoothing) * masses + smoothing / n_classes
        if self.class_weights is not None:
            who, name = type(self).__name__, "class_weights"
            masses = masses * weights_like(who, name, self.class_weights, y_hat, self.axis)
        if self.ignore_index is not None and not is_float(y):
            masses = xp.where(self._counts(y), masses, xp.zeros_like(masses))
        return masses

    def decisions(self, y_hat: Array) -> Array:
        """Return the most probable classes' indices."""
        return array_namespace(y_hat).argmax(y_hat, axis=self.axis)

    def probabilities(self, y_hat: Array) -> Array:
        """Return the classes' probabilities, along the axis of classes."""
        return self.link(y_hat)

    def scores(self, y_hat: Array) -> Array:
        """Return y_hat, which does not saturate; of two classes the difference to the other one.

        Between samples only the difference has the order of the probabilities.
        """
        if y_hat.shape[self.axis] != 2:
            return y_hat
        y_hat = bounded(y_hat)
        return y_hat - array_namespace(y_hat).flip(y_hat, axis=self.axis)

    def _counts(self, y: Array) -> Array:
        """Return which targets are not ignored."""
        xp = array_namespace(y)
        return (
            xp.ones_like(y, dtype=xp.bool) if self.ignore_index is None else y != self.ignore_index
        )

    def _kept_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return y_hat's shape with 1 instead of the number of classes."""
        who, n = type(self).__name__, len(shape)
        if n < 2 or not -n < self.axis < n or shape[self.axis] < 2:
            raise ShapeError(
                f"{who}: y_hat must hold two or more classes along axis {self.axis}, is {shape}; "
                "for a single output, of two classes, use BCEWithLogits"
            )
        axis = self.axis % n
        return (*shape[:axis], 1, *shape[axis + 1 :])

    _advice = "; convert one-hot targets to indices with y.argmax(axis)"

    def _check_soft(
        self,
        shape: tuple[int, ...],  # noqa: ARG002
        y_hat_shape: tuple[int, ...] | None,  # noqa: ARG002
        dtype: str,
    ) -> None:
        """Raise DtypeError for floats. Losses that take probabilities as targets override this."""
        raise DtypeError(
            f"{type(self).__name__}: y must be class indices, integers, is {dtype}; cast it with "
            f"astype('int64'){self._advice}"
        )
