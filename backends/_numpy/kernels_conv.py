"""Convolution on NumPy: matrix products on a few images at a time.

A convolution is a matrix product of the weights with columns of what each place of the output
sees. Writing all columns down (im2col) takes kh kw times the memory of the image; here only the kw
shifts along a row are written, for as many images as fit into a core's cache. With stride 1 the
rows that kernel row i sees are then one contiguous slice of them, which BLAS reads where it lies:

    columns[c, j, r, q] = x[c, r, q + j]
    y = sum over i of w[:, :, i, :] columns[:, :, i : i + OH, :]

so that kh products are added up in place of one kh times larger one. With another stride, or few
channels, the kh rows are written, too, and there is one product.

Measured by benchmarks/convolution.py (64 x 32 x 28 x 28, 3 x 3, 64 filters, float32, forward and
backward, medians of interleaved runs on two cores): 81 ms on one thread where the plain definition
takes 142 and PyTorch 75; on two threads 62, 120 and 44. With stride 2 it is 35, 78 and 21 on one,
34, 78 and 20 on two. Beyond the results it takes 0.3 times the memory of x and y, plain 1.9. Beside
other work two threads were slower than one: OpenBLAS gains little from a second core on products
this small, so small images are best trained with OPENBLAS_NUM_THREADS=1 there.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from portanet.backends._images import blocks
from portanet.backends._numpy.results import delivered, result, takes_out
from portanet.backends._numpy.windows import offsets, seen_at

Matrices = list[np.ndarray]

_SHORTEST_SUM = 16  # a product that adds up less takes longer to write its result down
_BLOCK = 2**20  # bytes of columns at a time: about a core's own cache


@takes_out
def conv2d(
    x: np.ndarray, w: np.ndarray, window: Any, groups: int = 1, out: np.ndarray | None = None
) -> np.ndarray:
    """Return y of x (N, C, H, W) and w (O, C/groups, kh, kw), in `out` if given."""
    shape = (len(x), len(w), *window.output_size(x.shape[2:]))
    made = result(out, shape, x.dtype)
    y = made.reshape(len(x), groups, len(w) // groups, shape[2] * shape[3])
    weights, more = _weights(w, window, groups), np.empty(0, x.dtype)
    for part, columns in _unfold(x, window, groups):
        total = y[part]
        np.matmul(weights[0], columns[0], out=total)
        for w_i, columns_i in zip(weights[1:], columns[1:], strict=True):
            more = more if more.shape == total.shape else np.empty_like(total)
            total += np.matmul(w_i, columns_i, out=more)
    return delivered(out, made)


def conv2d_backward_w(grad: np.ndarray, x: np.ndarray, window: Any, groups: int = 1) -> np.ndarray:
    """Return dL/dw from grad = dL/dy and x: grad columnsᵀ, added up over the batch."""
    n, n_out, height, width = grad.shape
    kh, kw = window.kernel
    rows = _kernel_rows(window, x.shape[1] // groups)
    grad = grad.reshape(n, groups, n_out // groups, height * width)
    grad_w = np.zeros((kh // rows, *grad.shape[1:3], x.shape[1] // groups * rows * kw), x.dtype)
    for part, columns in _unfold(x, window, groups):
        for grad_i, columns_i in zip(grad_w, columns, strict=True):
            grad_i += np.matmul(grad[part], columns_i.swapaxes(2, 3)).sum(axis=0)
    grad_w = grad_w.reshape(kh // rows, n_out, x.shape[1] // groups, rows, kw)
    return np.moveaxis(grad_w, 0, 2).reshape(n_out, x.shape[1] // groups, kh, kw)


@takes_out
def conv2d_backward_x(
    grad: np.ndarray,
    w: np.ndarray,
    window: Any,
    size: tuple[int, int],
    groups: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return dL/dx from grad = dL/dy: with stride 1 a convolution of grad with the mirrored w."""
    if window.stride == (1, 1):
        mirrored = _mirrored_window(window, grad, size)
        return conv2d(grad, _mirrored(w, groups), mirrored, groups, out=out)
    (n, n_out, height, width), (_, n_inp, kh, kw) = grad.shape, w.shape
    grad = grad.reshape(n, groups, n_out // groups, height * width)
    weights = w.reshape(groups, n_out // groups, n_inp * kh * kw).swapaxes(1, 2)
    grad_x = result(out, (n, n_inp * groups, *size), grad.dtype)
    grad_x[...] = 0
    for part in blocks(n, groups * weights.shape[1] * grad.shape[3] * grad.itemsize, _BLOCK):
        columns = np.matmul(weights, grad[part]).reshape(-1, n_inp * groups, kh, kw, height, width)
        for (i, j), (places, seen) in zip(
            window.offsets(), offsets(window, (height, width), size), strict=True
        ):
            grad_x[part][seen] += columns[:, :, i, j][places]
    return delivered(out, grad_x)


def _unfold(x: np.ndarray, window: Any, groups: int) -> Iterator[tuple[slice, Matrices]]:
    """Yield some images at a time, and a matrix (n, groups, K, OH * OW) for each of `_weights`."""
    n, channels, height, width = x.shape
    (kh, kw), (out_height, out_width) = window.kernel, window.output_size((height, width))
    shared = _kernel_rows(window, channels // groups) < kh
    n_rows = out_height + (kh - 1) * window.dilation[0] if shared else out_height
    starts = [i * window.dilation[0] * out_width for i in range(kh)] if shared else [0]
    shape = (channels, 1 if shared else kh, kw, n_rows, out_width)
    parts = list(blocks(n, int(np.prod(shape)) * x.itemsize, _BLOCK))
    # the padding stays zero from one round to the next: it lies in the same places
    columns = np.zeros((parts[0].stop if parts else 0, *shape), x.dtype)
    for part in parts:
        used = columns[: part.stop - part.start]
        _fill(used, x[part], window)
        flat = used.reshape(len(used), groups, -1, n_rows * out_width)
        yield part, [flat[..., s : s + out_height * out_width] for s in starts]


def _fill(columns: np.ndarray, x: np.ndarray, window: Any) -> None:
    """Write what each place sees of some images: columns (n, C, rows of kernel, kw, rows, OW)."""
    kernel_rows, kw, n_rows, out_width = columns.shape[2:]
    for i in range(kernel_rows):
        rows, seen_rows = seen_at(window, 0, i, n_rows, x.shape[2])
        for j in range(kw):
            cols, seen_cols = seen_at(window, 1, j, out_width, x.shape[3])
            columns[:, :, i, j, rows, cols] = x[:, :, seen_rows, seen_cols]


def _weights(w: np.ndarray, window: Any, groups: int) -> Matrices:
    """Return the weights as one matrix (groups, O/groups, K) for each row of the kernel, or all."""
    n_out, n_inp, kh, kw = w.shape
    rows = _kernel_rows(window, n_inp)
    shape = (groups, n_out // groups, n_inp * rows * kw)
    return [w[:, :, i : i + rows].reshape(shape) for i in range(0, kh, rows)]


def _kernel_rows(window: Any, n_inp: int) -> int:
    """Return how many rows of the kernel are written down: all, or one that they share."""
    worth = n_inp * window.kernel[1] >= _SHORTEST_SUM
    return 1 if window.stride[0] == 1 and worth else window.kernel[0]


def _mirrored(w: np.ndarray, groups: int) -> np.ndarray:
    """Return w (O, C/groups, kh, kw) with inputs and outputs exchanged, upside down."""
    n_out, n_inp, kh, kw = w.shape
    w = w.reshape(groups, n_out // groups, n_inp, kh, kw)[..., ::-1, ::-1]
    return w.swapaxes(1, 2).reshape(groups * n_inp, n_out // groups, kh, kw)


def _mirrored_window(window: Any, grad: np.ndarray, size: tuple[int, int]) -> Any:
    """Return the window whose output for grad has a size (the padding may be negative: a crop)."""
    (top, _), (left, _) = window.padding
    height = window.dilation[0] * (window.kernel[0] - 1)
    width = window.dilation[1] * (window.kernel[1] - 1)
    vertical = (height - top, size[0] - grad.shape[2] + top)
    return replace(window, padding=(vertical, (width - left, size[1] - grad.shape[3] + left)))


KERNELS = {
    "conv2d": conv2d,
    "conv2d_backward_w": conv2d_backward_w,
    "conv2d_backward_x": conv2d_backward_x,
}
