"""The transposed convolution: its forward pass is the gradient of a convolution."""

from portanet.checks import check_alike
from portanet.errors import ArgumentError, ShapeError
from portanet.initializers import zeros
from portanet.layer import Parameter
from portanet.layers.convolution import Size, _check_channels, _Convolution, _draw
from portanet.layers.convolution_functions import conv2d, conv2d_backward_w, conv2d_backward_x
from portanet.layers.windows import check_images, make_window, pair
from portanet.reprs import call_of
from portanet.typing import Array, Rng


class ConvTranspose2d(_Convolution):
    """Conv2d's dL/dx as a layer: each x[n, c, p, q] adds x w[c, o, i, j] to y[n, o, p s + i d, …].

    Shapes: x (N, n_inp, H, W), w (n_inp, n_out/groups, kh, kw) as PyTorch has it, b (n_out,),
    y (N, n_out, OH, OW) with OH = (H - 1) s - 2 padding + d (kh - 1) + 1 + output_padding.

    It is linear, and the transpose of its transpose is Conv2d: with G = dL/dy, dL/dx = Conv2d of G
    with w, and dL/dw is Conv2d's with x and G exchanged.

    output_padding, in [0, stride), adds rows below and columns on the right: a Conv2d with a
    stride maps several heights to one output height, and this selects one of them. w starts from
    U(-k, k) with k = 1/sqrt(n_out/groups kh kw), as in PyTorch; b from 0. Other arguments and
    errors are Conv2d's.

    Source: Zeiler et al., "Deconvolutional networks", 2010.

    >>> import numpy as np
    >>> ConvTranspose2d(8, 3, 4, stride=2, padding=1)(np.zeros((10, 8, 7, 7), np.float32)).shape
    (10, 3, 14, 14)
    """

    n_axes = 2

    def __init__(
        self,
        n_inp: int,
        n_out: int,
        kernel: Size,
        *,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        rng: Rng | None = None,
    ) -> None:
        who = type(self).__name__
        self.n_inp, self.n_out, self.groups = _check_channels(who, n_inp, n_out, groups)
        self.window = make_window(who, 2, kernel, stride, padding, dilation)
        self._call = call_of(
            self, n_inp, n_out, kernel, stride=stride, padding=padding,
            output_padding=output_padding, dilation=dilation, groups=groups, bias=bool(bias),
        )  # fmt: skip
        self.output_padding = pair(who, "output_padding", output_padding, 2, 0)
        _check_output_padding(who, self.window.stride, self.output_padding)
        self.weights = Parameter(_draw((n_inp, n_out // groups, *self.window.kernel), rng))
        self.bias = Parameter(zeros((n_out,))) if bias else None

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the transposed convolution of x with w, plus b."""
        check_alike(self, "x", x, "the weights", self.weights.value)
        check_images(self, 2, x, self.n_inp)
        size = self._output_size(tuple(x.shape[2:]))
        if training:
            self._saved = x
        y = conv2d_backward_x(x, self.weights.value, self.window, size, self.groups)
        return self._add_bias(y)

    def backward(self, grad: Array) -> Array:
        """Set dL/dw and dL/db; return dL/dx."""
        x = self._take_saved()
        self.weights.grad = conv2d_backward_w(x, grad, self.window, self.groups)
        self._set_bias_grad(grad)
        return conv2d(grad, self.weights.value, self.window, self.groups)

    def _output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return y's height and width for x's. Raises ShapeError if y would be empty."""
        height, width = self.window.input_size(size)
        height, width = height + self.output_padding[0], width + self.output_padding[1]
        if min(*size, height, width) < 1:
            raise ShapeError(
                f"{self!r}: x must be large enough for an output of at least 1 x 1, is {size[0]} x "
                f"{size[1]}, which makes {height} x {width}; use less padding"
            )
        return height, width


def _check_output_padding(who: str, stride: tuple[int, int], padding: tuple[int, int]) -> None:
    if any(n >= s for n, s in zip(padding, stride, strict=True)):
        raise ArgumentError(
            f"{who}: output_padding must be smaller than the stride, {stride}, is {padding}"
        )
