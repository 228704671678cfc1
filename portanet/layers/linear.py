"""The linear layer."""

from math import prod

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count
from portanet.errors import ShapeError
from portanet.initializers import Initializer, fan_in_uniform, zeros
from portanet.layer import Layer, Parameter
from portanet.reprs import call_of
from portanet.typing import Array, Rng
from portanet.unfilled import drawn


class Linear(Layer):
    """z = x w + b.

    Shapes: x (..., n_inp), w (n_inp, n_out), b (n_out,), z (..., n_out), with at least one leading
    axis, the batch.

    With G = dL/dz the chain rule gives dL/dx = G wᵀ and dL/dw = xᵀ G (leading axes merged into
    one); b is added to every row, so dL/db is the sum of the rows of G.

    w starts from U(-k, k) with k = 1/sqrt(n_inp), b from 0, as in the blog; `weights` may be
    another function of (shape, rng), such as portanet.initializers.he_normal.

    Raises ShapeError unless x is (..., n_inp); PlacementError or DtypeError unless it has the
    weights' device and dtype; ArgumentError unless n_inp and n_out are integers >= 1.

    Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors",
    1986.

    >>> import numpy as np
    >>> Linear(3, 4)(np.zeros((2, 3), np.float32)).shape
    (2, 4)
    """

    def __init__(
        self,
        n_inp: int,
        n_out: int,
        *,
        bias: bool = True,
        weights: Initializer = fan_in_uniform,
        rng: Rng | None = None,
    ) -> None:
        check_count("Linear", "n_inp", n_inp)
        check_count("Linear", "n_out", n_out)
        self.weights = Parameter(drawn(weights, (n_inp, n_out), rng))
        self.bias = Parameter(zeros((n_out,))) if bias else None

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return x w + b."""
        check_alike(self, "x", x, "the weights", self.weights.value)
        n_inp = self.weights.value.shape[0]
        if x.ndim < 2 or x.shape[-1] != n_inp:
            raise ShapeError(
                f"{self!r}: x must be (N, {n_inp}), is {tuple(x.shape)}; {self._advice(x)}"
            )
        if training:
            self._saved = x
        z = x @ self.weights.value
        return z if self.bias is None else z + self.bias.value

    def backward(self, grad: Array) -> Array:
        """Set dL/dw = xᵀ G and dL/db; return dL/dx = G wᵀ."""
        self.set_gradients(grad)
        # one product of all rows: a stack of them takes twice as long
        return in_rows_of(grad, rows(grad) @ self.weights.value.T)

    def set_gradients(self, grad: Array) -> None:
        """Set dL/dw and dL/db: what backward does for a layer whose dL/dx nobody wants."""
        x, g = rows(self._take_saved()), rows(grad)
        self.weights.grad = x.T @ g
        if self.bias is not None:
            self.bias.grad = array_namespace(g).sum(g, axis=0)

    def _advice(self, x: Array) -> str:
        """Return what to do about x of a wrong shape."""
        (n_inp, n_out), shape = self.weights.value.shape, tuple(x.shape)
        if x.ndim == 0:
            return f"give a batch, such as numpy.zeros((1, {n_inp}), 'float32')"
        if shape == (n_inp,) and n_inp > 1:
            return "one sample is x[None, :]"
        if x.ndim == 1:
            return "samples of one feature are x[:, None]"
        if prod(shape[1:]) == n_inp:
            return "put Flatten() before this layer"
        return f"for this x it is Linear({shape[-1]}, {n_out})"

    def __repr__(self) -> str:
        n_inp, n_out = self.weights.peek().shape
        return call_of(self, n_inp, n_out, bias=self.bias is not None)


def rows(x: Array) -> Array:
    """Return x with its leading axes merged into one."""
    return x if x.ndim == 2 else array_namespace(x).reshape(x, (-1, x.shape[-1]))


def in_rows_of(x: Array, y: Array) -> Array:
    """Return y, which has a row for each row of x, with the leading axes of x."""
    return y if x.ndim == 2 else array_namespace(y).reshape(y, (*x.shape[:-1], y.shape[-1]))
