"""Pooling: downsampling of each channel of an image. Sequences are images of height 1."""

from typing import ClassVar

from portanet.backends import array_namespace
from portanet.errors import ArgumentError
from portanet.layer import Layer
from portanet.layers.convolution import Size, as_images, like
from portanet.layers.global_pooling import check_floats
from portanet.layers.pooling_functions import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from portanet.layers.windows import Window, check_fits, check_images, make_window
from portanet.reprs import call_of
from portanet.typing import Array


class _Pooling(Layer):
    """Shared by pooling layers: a window, and the checks of the input."""

    n_axes: ClassVar[int]

    def __init__(self, kernel: Size, *, stride: Size | None = None, padding: Size = 0) -> None:
        who = type(self).__name__
        self._kernel, self._given = kernel, {"stride": stride, "padding": padding}
        stride = kernel if stride is None else stride
        self.window = make_window(who, self.n_axes, kernel, stride, padding, 1)
        for (before, _), size in zip(self.window.padding, self.window.kernel, strict=True):
            if 2 * before > size:
                raise ArgumentError(
                    f"{who}: padding must be at most half the kernel, so that no window holds "
                    f"padding alone; is {padding!r} with kernel={kernel!r}"
                )

    def _images(self, x: Array) -> Array:
        """Return x as images, after checking it."""
        check_floats(self, x)
        check_images(self, self.n_axes, x, None)
        check_fits(self, self.window, self.n_axes, tuple(x.shape[2:]))
        return as_images(x)

    def __repr__(self) -> str:
        own = {k: v for k, v in vars(self).items() if k == "count_include_pad"}
        return call_of(self, self._kernel, **self._given, **own)


class MaxPool2d(_Pooling):
    """y[n, c, p, q] = the maximum over i, j of x[n, c, p s + i, q s + j].

    Shapes: x (N, C, H, W), y (N, C, OH, OW) with OH = floor((H + 2 padding - kh) / s) + 1.

    dL/dx: y is one of the numbers in its window, which receives all of the gradient; of equal ones
    the first, row by row (as PyTorch on a CPU). y is NaN if the window holds NaN.

    kernel, stride and padding are one integer, or (height, width); stride is the kernel's size
    unless given. Padding, at most half the kernel, counts as -inf.

    Raises ShapeError unless x is (N, C, H, W) and the window fits; DtypeError unless x holds
    floats; ArgumentError for invalid sizes.

    Source: Ranzato et al., "Unsupervised learning of invariant feature hierarchies", 2007.

    >>> import numpy as np
    >>> MaxPool2d(2)(np.asarray([[[[1.0, 2.0, 3.0, 9.0], [4.0, 0.0, 5.0, 6.0]]]]))
    array([[[[4., 9.]]]])
    """

    n_axes = 2

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the maximum of each window."""
        x = self._images(x)
        y = max_pool2d(x, self.window)
        if training:
            self._saved = (x, y)
        return like(y, self.n_axes)

    def backward(self, grad: Array) -> Array:
        """Return grad where each maximum was found, else 0."""
        x, y = self._take_saved()
        return like(max_pool2d_backward(as_images(grad), x, y, self.window), self.n_axes)


class MaxPool1d(MaxPool2d):
    """y[n, c, p] = the maximum over i of x[n, c, p s + i]: MaxPool2d along one axis.

    Shapes: x (N, C, L), y (N, C, OL) with OL = floor((L + 2 padding - k) / s) + 1.

    Gradients, arguments and errors are those of MaxPool2d.

    Source: see MaxPool2d.

    >>> import numpy as np
    >>> MaxPool1d(2)(np.asarray([[[1.0, 2.0, 5.0, 3.0]]]))
    array([[[2., 5.]]])
    """

    n_axes = 1


class AvgPool2d(_Pooling):
    """y[n, c, p, q] = the mean over i, j of x[n, c, p s + i, q s + j].

    Shapes: x (N, C, H, W), y (N, C, OH, OW) with OH = floor((H + 2 padding - kh) / s) + 1.

    dL/dx: each of the n numbers in a window receives 1/n of the gradient.

    Padding counts as zeros and n = kh kw; with count_include_pad=False n is the number of places of
    the window inside the image. Other arguments and errors are those of MaxPool2d. The defaults are
    PyTorch's; Keras never counts the padding.

    Source: LeCun et al., "Handwritten digit recognition with a back-propagation network", 1989.

    >>> import numpy as np
    >>> AvgPool2d(2)(np.asarray([[[[1.0, 2.0, 3.0, 9.0], [4.0, 1.0, 5.0, 7.0]]]]))
    array([[[[2., 6.]]]])
    """

    n_axes = 2

    def __init__(
        self,
        kernel: Size,
        *,
        stride: Size | None = None,
        padding: Size = 0,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel, stride=stride, padding=padding)
        self.count_include_pad = count_include_pad

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """Return the mean of each window."""
        x = self._images(x)
        size = (x.shape[2], x.shape[3])
        share = None if self.count_include_pad else _share_inside(x, self.window)
        if training:
            self._saved = (size, share)
        y = avg_pool2d(x, self.window)
        return like(y if share is None else y / share, self.n_axes)

    def backward(self, grad: Array) -> Array:
        """Return grad / n, added where windows overlap."""
        (size, share), grad = self._take_saved(), as_images(grad)
        grad = grad if share is None else grad / share
        return like(avg_pool2d_backward(grad, self.window, size), self.n_axes)


class AvgPool1d(AvgPool2d):
    """y[n, c, p] = the mean over i of x[n, c, p s + i]: AvgPool2d along one axis.

    Shapes: x (N, C, L), y (N, C, OL) with OL = floor((L + 2 padding - k) / s) + 1.

    Gradients, arguments and errors are those of AvgPool2d.

    Source: see AvgPool2d.

    >>> import numpy as np
    >>> AvgPool1d(2)(np.asarray([[[1.0, 2.0, 5.0, 3.0]]]))
    array([[[1.5, 4. ]]])
    """

    n_axes = 1


def _share_inside(x: Array, window: Window) -> Array:
    """Return the share of each window that is inside the image, not padding: (1, 1, OH, OW)."""
    xp = array_namespace(x)
    return avg_pool2d(xp.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device), window)
