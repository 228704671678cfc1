"""Convolutions of sequences and images, channels first: a sequence is an image of height 1."""

from math import gcd, prod
from typing import ClassVar

from portanet.backends import array_namespace
from portanet.checks import check_alike, check_count
from portanet.errors import ArgumentError
from portanet.guesses import divisor
from portanet.initializers import fan_in_uniform, zeros
from portanet.layer import Layer, Parameter
from portanet.layers.convolution_functions import conv2d, conv2d_backward_w, conv2d_backward_x
from portanet.layers.windows import check_fits, check_images, make_window
from portanet.options import Option
from portanet.reprs import call_of
from portanet.typing import Array, Rng
from portanet.unfilled import initializer

Size = int | tuple[int, ...]


class _Convolution(Layer):
    """The implementation of Conv1d and Conv2d, on images."""

    n_inp = Option(check_count, fixed=True)
    n_out = Option(check_count, fixed=True)
    groups = Option(check_count, fixed=True)
    n_axes: ClassVar[int]
    _call: str  # as it was made: "same" is not a number

    def __init__(
        self,
        n_inp: int,
        n_out: int,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        rng: Rng | None = None,
    ) -> None:
        who = type(self).__name__
        self.n_inp, self.n_out, self.groups = _check_channels(who, n_inp, n_out, groups)
        self.window = make_window(who, self.n_axes, kernel, stride, padding, dilation)
        self._call = call_of(
            self, n_inp, n_out, kernel, stride=stride, padding=padding, dilation=dilation,
            groups=groups, bias=bool(bias),
        )  # fmt: skip
        shape = (n_out, n_inp // groups, *self.window.kernel[2 - self.n_axes :])
        self.weights = Parameter(_draw(shape, rng))
        self.bias = Parameter(zeros((n_out,))) if bias else None

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the convolution of x with w, plus b."""
        check_alike(self, "x", x, "the weights", self.weights.value)
        check_images(self, self.n_axes, x, self.n_inp)
        check_fits(self, self.window, self.n_axes, tuple(x.shape[2:]))
        x = as_images(x)
        if training:
            self._saved = x
        y = conv2d(x, as_images(self.weights.value), self.window, self.groups)
        return like(self._add_bias(y), self.n_axes)

    def backward(self, grad: Array) -> Array:
        """Set dL/dw and dL/db; return dL/dx."""
        x, grad = self._take_saved(), as_images(grad)
        w, size = as_images(self.weights.value), tuple(x.shape[2:])
        grad_w = conv2d_backward_w(grad, x, self.window, self.groups)
        self.weights.grad = like(grad_w, self.n_axes)
        self._set_bias_grad(grad)
        return like(conv2d_backward_x(grad, w, self.window, size, self.groups), self.n_axes)

    def _add_bias(self, y: Array) -> Array:
        if self.bias is None:
            return y
        return y + array_namespace(y).reshape(self.bias.value, (1, -1, 1, 1))

    def _set_bias_grad(self, grad: Array) -> None:
        if self.bias is not None:
            self.bias.grad = array_namespace(grad).sum(grad, axis=(0, 2, 3))

    def __repr__(self) -> str:
        return self._call


class Conv2d(_Convolution):
    """y[n, o, p, q] = b[o] + sum over c, i, j of w[o, c, i, j] x[n, c, p s + i d, q s + j d].

    s is the stride, d the dilation, and the indices of x start at its zero padding. (Mathematically
    this is a cross-correlation: the kernel is not mirrored.)

    Shapes: x (N, n_inp, H, W), w (n_out, n_inp/groups, kh, kw) as PyTorch has it, b (n_out,),
    y (N, n_out, OH, OW) with OH = floor((H + 2 padding - d (kh - 1) - 1) / s) + 1.

    With G = dL/dy: dL/dw[o, c, i, j] = sum over n, p, q of G[n, o, p, q] x[n, c, p s + i d,
    q s + j d]; dL/dx adds w[o, c, i, j] G[n, o, p, q] at the places of x that y[n, o, p, q]
    depends on; dL/db = the sum of G over all axes except o.

    kernel, stride, padding and dilation are one integer, or (height, width). padding="same"
    keeps height and width (an odd extra row or column goes below and right, as in PyTorch) and
    needs stride 1. With groups = g the channels form g groups with separate kernels.
    w starts from U(-k, k) with k = 1/sqrt(n_inp/groups kh kw), as in PyTorch; b from 0.

    Raises ShapeError unless x is (N, n_inp, H, W) and the kernel fits into the padded image;
    PlacementError or DtypeError unless x has the weights' device and dtype; ArgumentError for
    invalid sizes.

    Source: LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.

    >>> import numpy as np
    >>> Conv2d(3, 8, 5, stride=2, padding=2)(np.zeros((10, 3, 28, 28), np.float32)).shape
    (10, 8, 14, 14)
    """

    n_axes = 2


class Conv1d(_Convolution):
    """y[n, o, p] = b[o] + sum over c, i of w[o, c, i] x[n, c, p s + i d]: Conv2d at height 1.

    Shapes: x (N, n_inp, L), w (n_out, n_inp/groups, k), b (n_out,), y (N, n_out, OL) with
    OL = floor((L + 2 padding - d (k - 1) - 1) / s) + 1.

    Gradients, arguments and errors are those of Conv2d, along one axis.

    Source: Waibel et al., "Phoneme recognition using time-delay neural networks", 1989.

    >>> import numpy as np
    >>> Conv1d(4, 6, 3, padding="same")(np.zeros((10, 4, 50), np.float32)).shape
    (10, 6, 50)
    """

    n_axes = 1


def _check_channels(who: str, n_inp: int, n_out: int, groups: int) -> tuple[int, int, int]:
    for name, value in (("n_inp", n_inp), ("n_out", n_out), ("groups", groups)):
        check_count(who, name, value)
    if n_inp % groups or n_out % groups:
        raise ArgumentError(
            f"{who}: groups must divide n_inp = {n_inp} and n_out = {n_out}, is {groups}; for "
            f"example groups={divisor(gcd(n_inp, n_out), groups)}"
        )
    return n_inp, n_out, groups


@initializer
def _draw(shape: tuple[int, ...], rng: Rng | None) -> Array:
    """Draw weights (n, ...); the fan-in of each of the n kernels is its number of weights."""
    return fan_in_uniform((prod(shape[1:]), shape[0]), rng).T.reshape(shape).copy()


def as_images(x: Array) -> Array:
    """Return x (N, C, L) as (N, C, 1, L); an image unchanged."""
    return x if x.ndim == 4 else array_namespace(x).expand_dims(x, axis=2)


def like(x: Array, n_axes: int) -> Array:
    """Return x (N, C, 1, L) as (N, C, L) for a layer with one axis, else unchanged."""
    return x if n_axes == 2 else array_namespace(x).squeeze(x, axis=2)
