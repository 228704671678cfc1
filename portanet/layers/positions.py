"""Positional encodings: an attention layer sees the order of its tokens through them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count
from portanet.errors import ArgumentError, ShapeError
from portanet.half import in_float32
from portanet.layer import Buffer, Layer
from portanet.typing import Array
from portanet.unfilled import initializer


class SinusoidalPositions(Layer):
    """y_p = x_p + t_p, with the table t_(p,2i) = sin(p w_i), t_(p,2i+1) = cos(p w_i).

    The frequencies are w_i = 10000^(-2i / n_features).

    Shapes: x and y (N, L, n_features), L <= max_length; t (max_length, n_features), a buffer.

    A constant is added, so dL/dx = dL/dy.

    The table is computed on the host in double precision and rounded to float32.

    Raises ShapeError unless x is (N, L <= max_length, n_features), DtypeError or PlacementError
    unless it has the table's dtype and device; ArgumentError unless n_features is even and both
    are >= 1.

    Source: Vaswani et al., "Attention is all you need", 2017, section 3.5.

    >>> import numpy as np
    >>> SinusoidalPositions(4, 10)(np.zeros((1, 2, 4), np.float32))[0].round(2)
    array([[0.  , 1.  , 0.  , 1.  ],
           [0.84, 0.54, 0.01, 1.  ]], dtype=float32)
    """

    def __init__(self, n_features: int, max_length: int) -> None:
        check_count("SinusoidalPositions", "max_length", max_length)
        n_features = _even("SinusoidalPositions", n_features)
        self.table = Buffer(_interleaved((max_length, n_features)))

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x + t."""
        table = self.table.value
        _check_positions(self, x, table, table.shape[1])
        if x.ndim != 3:
            raise ShapeError(f"{self!r}: x must be (N, L, {table.shape[1]}), is {tuple(x.shape)}")
        if training:
            self._saved = True
        return x + table[: x.shape[1], :]

    def backward(self, grad: Array) -> Array:
        """Return dL/dy."""
        self._take_saved()
        return grad

    def __repr__(self) -> str:
        max_length, n_features = self.table.peek().shape
        return f"SinusoidalPositions({n_features}, {max_length})"


class RotaryPositions(Layer):
    """Rotates each pair of features at position p by the angle p w_i, w_i = 10000^(-2i / n):

        y_(2i)   = x_(2i) cos(p w_i) - x_(2i+1) sin(p w_i)
        y_(2i+1) = x_(2i) sin(p w_i) + x_(2i+1) cos(p w_i)

    Shapes: x and y (..., L, n_features), L <= max_length. The product of a query at p and a key at
    q, both rotated, depends on p - q alone. MultiHeadAttention(rotary=True) rotates them.

    The transpose of a rotation is its inverse: dL/dx is dL/dy rotated by -p w_i.

    The tables are computed on the host in double precision and rounded to float32.

    Raises ShapeError unless x is (..., L <= max_length, n_features), DtypeError or PlacementError
    unless it has the tables' dtype and device; ArgumentError unless n_features is even and both
    are >= 1.

    Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021,
    equation 34, whose pairs are neighbours. Some frameworks pair i with i + n/2, which is the same
    up to the order of the features.

    >>> import numpy as np
    >>> RotaryPositions(2, 10)(np.asarray([[1, 0], [1, 0]], np.float32)).round(2)
    array([[1.  , 0.  ],
           [0.54, 0.84]], dtype=float32)
    """

    def __init__(self, n_features: int, max_length: int) -> None:
        check_count("RotaryPositions", "max_length", max_length)
        shape = (max_length, _even("RotaryPositions", n_features) // 2)
        self.sines, self.cosines = Buffer(_wave(shape, np.sin)), Buffer(_wave(shape, np.cos))

    @in_float32
    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x, each position rotated by its angles."""
        _check_positions(self, x, self.sines.value, 2 * self.sines.value.shape[1])
        if training:
            self._saved = True
        return self.turned(x)

    @in_float32
    def backward(self, grad: Array) -> Array:
        """Return the gradient, rotated back."""
        self._take_saved()
        return self.turned(grad, back=True)

    @property
    def max_length(self) -> int:
        """The number of positions that there is a rotation for."""
        return self.sines.peek().shape[0]

    @in_float32
    def turned(self, x: Array, *, back: bool = False) -> Array:
        """Return x rotated, or rotated back; nothing is saved."""
        xp, L = array_namespace(x), x.shape[-2]
        s, c = self.sines.value[:L, :], self.cosines.value[:L, :]
        s = -s if back else s
        pairs = xp.reshape(x, (*x.shape[:-1], x.shape[-1] // 2, 2))
        even, odd = pairs[..., 0], pairs[..., 1]
        return xp.reshape(xp.stack([even * c - odd * s, even * s + odd * c], axis=-1), x.shape)

    def __repr__(self) -> str:
        return f"RotaryPositions({2 * self.sines.peek().shape[1]}, {self.max_length})"


@initializer
def _wave(shape: tuple[int, ...], function: Callable[[Array], Array]) -> Array:
    """Return function(p w_i) for all positions p and frequencies w_i, computed in float64."""
    max_length, n_features = shape[0], 2 * shape[1]
    frequencies = 10000.0 ** (-np.arange(0, n_features, 2) / n_features)
    return function(np.arange(max_length)[:, None] * frequencies).astype(np.float32)


@initializer
def _interleaved(shape: tuple[int, ...]) -> Array:
    """Return sin(p w_i) in the even columns, cos(p w_i) in the odd ones."""
    half = (shape[0], shape[1] // 2)
    return np.stack([_wave(half, np.sin), _wave(half, np.cos)], axis=-1).reshape(shape)


def _even(who: str, n_features: Any) -> int:
    n_features = check_count(who, "n_features", n_features, 2)
    if n_features % 2:
        raise ArgumentError(
            f"{who}: n_features must be even (features are paired), is {n_features}"
        )
    return n_features


def _check_positions(layer: Layer, x: Array, table: Array, n_features: int) -> None:
    check_alike(repr(layer), "x", x, "the table", table)
    if x.ndim < 2 or x.shape[-1] != n_features:
        raise ShapeError(f"{layer!r}: x must be (..., L, {n_features}), is {tuple(x.shape)}")
    if x.shape[-2] > table.shape[0]:
        raise ShapeError(
            f"{layer!r}: x must have at most {table.shape[0]} positions, has {x.shape[-2]}; make "
            "the layer with a larger max_length"
        )
