"""Embedding: a learned vector for each token."""

from math import prod

from portanet.backends import array_namespace, backend_of
from portanet.checks import check_count, dtype_name, is_integer, skips_value_checks
from portanet.dispatch import accelerable
from portanet.errors import ArgumentError, DataError, DtypeError, PlacementError
from portanet.initializers import normal
from portanet.layer import Layer, Parameter
from portanet.options import Option
from portanet.reprs import call_of
from portanet.typing import Array, Rng
from portanet.unfilled import initializer


@accelerable
def segment_sum(values: Array, indices: Array, n: int) -> Array:
    """Return, for each j in 0 … n - 1, the sum of the rows of values whose index is j.

    Shapes: values (M, F), indices (M,) integers in [0, n), result (n, F).

    The result is the product of the one-hot matrix of the indices with the values. The kernels of
    the backends need no such matrix and add in a fixed order, so that repeats are bit-identical.

    >>> import numpy as np
    >>> segment_sum(np.asarray([[1.0], [2.0], [4.0]]), np.asarray([2, 0, 2]), 3)
    array([[2.],
           [0.],
           [5.]])
    """
    xp = array_namespace(values)
    segments = xp.arange(n, dtype=indices.dtype, device=indices.device)
    one_hot = xp.astype(segments[:, None] == indices[None, :], values.dtype)
    return one_hot @ values


@initializer
def _table(shape: tuple[int, ...], rng: Rng | None, padding_index: int | None) -> Array:
    """Draw a row from N(0, 1) for each token; that of padding is 0."""
    table = normal(shape, rng)
    if padding_index is not None:
        table[padding_index] = 0
    return table


class Embedding(Layer):
    """y = w[x]: row x of the table w, for each integer in x.

    Shapes: x (N, ...) integers in [0, n_tokens), w (n_tokens, n_features), y (N, ..., n_features).

    y is the product of the one-hot rows of x with w, so with G = dL/dy row j of dL/dw is the sum
    of the rows of G where x is j. Integers have no derivative: backward returns None.

    w starts from N(0, 1), as in PyTorch (Keras: U(-0.05, 0.05)). The row `padding_index`, if given,
    starts from 0 and its gradient is 0, whatever comes back for it.

    A layer of your own that passes its input to an Embedding declares it with the class attribute
    takes = "integers", as this one does.

    Raises ArgumentError unless n_tokens and n_features are integers >= 1 and padding_index is a
    token; DtypeError unless x holds integers, PlacementError unless it is on the device of w;
    DataError for an index outside [0, n_tokens), checked in direct calls and once when data are
    staged for training.

    Source: Bengio, Ducharme, Vincent & Jauvin, "A neural probabilistic language model", 2003,
    section 2: the shared matrix C.

    >>> import numpy as np
    >>> Embedding(10, 3)(np.asarray([[1, 2, 1, 9]])).shape
    (1, 4, 3)
    """

    takes = "integers"
    padding_index = Option(check_count, 0, none=True, fixed=True)

    def __init__(
        self, n_tokens: int, n_features: int, *, padding_index: int | None = None,
        rng: Rng | None = None,
    ) -> None:  # fmt: skip
        n_tokens = check_count("Embedding", "n_tokens", n_tokens)
        n_features = check_count("Embedding", "n_features", n_features)
        self.padding_index = padding_index
        if self.padding_index is not None and self.padding_index >= n_tokens:
            raise ArgumentError(
                f"Embedding: padding_index must be in [0, {n_tokens}), is {padding_index}; "
                "make n_tokens larger, or use another token"
            )
        self.weights = Parameter(_table((n_tokens, n_features), rng, self.padding_index))

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return w[x]."""
        self._check(x)
        if not skips_value_checks():
            self.check_values(x)
        weights, indices = self.weights.value, _flat_indices(x)
        if training:
            self._saved = indices
        xp = array_namespace(weights)
        return xp.reshape(xp.take(weights, indices, axis=0), (*x.shape, weights.shape[1]))

    def backward(self, grad: Array) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Set dL/dw: the sum of the rows of G for each token. Integers have no gradient."""
        indices, xp = self._take_saved(), array_namespace(grad)
        n_tokens, n_features = self.weights.peek().shape
        rows = xp.reshape(grad, (indices.shape[0], n_features))
        if self.padding_index is not None:  # before the sum, whose products with NaN would be NaN
            rows = xp.where(indices[:, None] == self.padding_index, 0, rows)
        self.weights.grad = segment_sum(rows, indices, n_tokens)

    def check_values(self, x: Array) -> None:
        """Raise DataError, which names the first invalid index, unless all are in [0, n_tokens)."""
        xp, n_tokens = array_namespace(x), self.weights.peek().shape[0]
        indices = _flat_indices(x)
        bad = (indices < 0) | (indices >= n_tokens)
        if bool(xp.any(bad)):
            where = int(xp.argmax(xp.astype(bad, xp.int32)))
            raise DataError(
                f"{self!r}: x must hold integers in [0, {n_tokens}); number {where} of it is "
                f"{int(indices[where])}. Number the tokens from 0, map unknown ones to a token "
                "of their own, or increase n_tokens"
            )

    def _check(self, x: Array) -> None:
        if not is_integer(x):
            raise DtypeError(
                f"{self!r}: x must be integers, is {dtype_name(x.dtype)}; give integers, "
                "x.astype('int64'), and if a layer of yours passes them on to this one, set "
                'takes = "integers" in its class'
            )
        here, there = backend_of(x), self.backend
        if here is not there:
            raise PlacementError(
                f"{self!r}: x must be on the device of the weights, {there}; it is on {here}. Move "
                f"the network with .to({here.name!r}), or the array with "
                f"portanet.backends.get({there.name!r}).asarray(...)"
            )

    def __repr__(self) -> str:
        n_tokens, n_features = self.weights.peek().shape
        return call_of(self, n_tokens, n_features, padding_index=self.padding_index)


def _flat_indices(x: Array) -> Array:
    """Return x as one axis, in the index dtype that `take` of the backend accepts."""
    xp, backend = array_namespace(x), backend_of(x)
    flat = xp.reshape(x, (prod(x.shape),))
    return xp.astype(flat, backend.dtype(backend.index_dtype()), copy=False)
