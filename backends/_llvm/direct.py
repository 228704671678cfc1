"""The arguments of direct convolution: how many sums are held in registers, and where is what."""

from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm import machine

Images = tuple[int, int, int, int]

_SUMS = 2**17  # bytes of sums that wait to be written as rows of the output
_TURNED = 2**16  # bytes of transposed gradients
_PLACES = 256  # of an output for which sums or gradients wait at a time, at most
_PART = 96  # products that are added up in one go, at most: longer sums are less exact


class Frame:
    """Where an image (C, H, W) lies, with its padding; see loops_frames.py."""

    def __init__(self, window: Any, image: Images) -> None:
        ((top, bottom), (left, right)), (_, channels, height, width) = window.padding, image
        self._window, self._stride = window, window.stride[1]
        # with stride 1 the padding behind a row is also the one before the next
        self.pitch = width + max(left, right)
        if self._stride > 1:
            self.pitch = -(-(width + left + right) // self._stride)
        self._n_rows, self._row = height + top + bottom, self._stride * self.pitch
        self.row_step = window.stride[0] * self._row
        self._size = channels * self._n_rows * self._row + left + right
        self.sizes = (channels, height, width, self._n_rows, self.pitch, self._stride, top, left)

    def zeros(self, more: int, dtype: np.dtype) -> np.ndarray:
        """Return the memory, with some numbers more that may be read and mean nothing."""
        return np.zeros(self._size + more, dtype)

    def offsets(self, n_in: int) -> np.ndarray:
        """Return how far behind a place of the output lies what it sees, (n_in kh kw)."""
        (kh, kw), (dh, dw) = self._window.kernel, self._window.dilation
        c, i, j = (a.ravel() for a in np.indices((n_in, kh, kw)))
        phase, column = j * dw % self._stride, j * dw // self._stride
        return (c * self._n_rows + i * dh) * self._row + phase * self.pitch + column


class _Direct:
    """A direct loop, which holds `units` times `vectors` vectors of `lanes` sums in registers."""

    file, vectors = "loops_direct", 2

    def __init__(self, window: Any, image: Images, output: Images, groups: int, dtype: Any) -> None:
        n_bytes, n_registers = machine.vector_registers()
        self.lanes, self.units = n_bytes // dtype.itemsize, n_registers // 4
        self.frame, self.dtype = Frame(window, image), dtype
        self.n_in, self.n_out = image[1] // groups, output[1] // groups
        self.n_products = self.n_in * prod(window.kernel)
        self.sizes = (*self.frame.sizes, groups, *output[1:])

    @property
    def span(self) -> int:
        """How many sums lie side by side in registers."""
        return self.vectors * self.lanes

    @property
    def constants(self) -> dict[str, Any]:
        """What is written out in the loop."""
        written = tuple(range(self.units)), tuple(range(self.vectors))
        numbers = (self.units, self.vectors, self.lanes)
        return {"UNITS_VECTORS": written, "units_vectors_lanes": numbers}

    def n_places(self, most: int, n_each: int, n_bytes: int) -> int:
        """Return for how many places to have n_each numbers in so many bytes of memory."""
        return min(most, _PLACES, n_bytes // (n_each * self.dtype.itemsize))


class DirectForward(_Direct):
    """The loop that makes y of x and w; with weights mirrored, dL/dx of grad and w.

    Places lie side by side in `runs`: the rows of the output, or one that goes over their ends,
    whichever fills vectors better. `share` is how much of them is filled.
    """

    name = "forward"

    def __init__(
        self, window: Any, image: Images, output: Images, groups: int, dtype: np.dtype,
        mirrored: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(window, image, output, groups, dtype)
        runs = self._best_runs(window, *output[2:])
        self.share = prod(output[2:]) / self._n_computed(runs)
        n_padded = rounded_up(self.n_out, self.units)
        n_places = self.n_places(rounded_up(runs[2], self.span), n_padded, _SUMS)
        self._runs = (*runs, max(self.span, n_places // self.span * self.span))
        self._sizes_of_memory = groups * n_padded * self.n_products, n_padded * self._runs[-1]
        n_parts = -(-self.n_products // _PART)
        self._products = (self.n_products, -(-self.n_products // n_parts))
        self._weights = self._steps(prod(window.kernel), mirrored)

    def _best_runs(self, window: Any, height: int, width: int) -> tuple[int, int, int, int]:
        """Return how many runs there are, how far apart, how long each, and its rows' distance."""
        pitch = self.frame.pitch
        rows = (height, self.frame.row_step, width, 2**32)
        if window.stride != (1, 1):
            return rows
        return min(rows, (1, 0, (height - 1) * pitch + width, pitch), key=self._n_computed)

    def _n_computed(self, runs: tuple[int, ...]) -> int:
        return runs[0] * rounded_up(runs[2], self.span)

    def _steps(self, n_offsets: int, mirrored: bool) -> tuple[int, ...]:
        """Return how many offsets there are, where weights begin, and steps along their axes."""
        if mirrored:
            return n_offsets, n_offsets - 1, n_offsets, self.n_out * n_offsets, -1
        return n_offsets, 0, self.n_products, n_offsets, 1

    def arguments(self, n_images: int) -> list[Any]:
        """Return the further arguments for some images."""
        packed, sums = (np.empty(n, self.dtype) for n in self._sizes_of_memory)
        return [
            self.frame.zeros(self.span, self.dtype), packed, sums, self.frame.offsets(self.n_in),
            n_images, *self.sizes, *self._products, *self._weights, *self._runs,
        ]  # fmt: skip


class DirectSums(_Direct):
    """The loop that adds up dL/dw: (groups, K, O/groups), both rounded up."""

    name = "backward_w"

    def __init__(
        self, window: Any, image: Images, output: Images, groups: int, dtype: np.dtype
    ) -> None:
        super().__init__(window, image, output, groups, dtype)
        step = rounded_up(self.n_out, self.lanes)
        self.vectors = 1 if step % (2 * self.lanes) else 2
        more = self.units + 1  # 9: for kernels of 3 x 3 on few channels
        self.units = min((self.units, more), key=lambda n: rounded_up(self.n_products, n))
        self._padded = rounded_up(self.n_products, self.units), step
        self.sums, self.share = (groups, *self._padded), self.n_out / step
        height, width = output[2:]
        self._strip = max(1, self.n_places(height * width, step, _TURNED) // width)
        self._n_turned = self._strip * width * step

    def arguments(self, n_images: int) -> list[Any]:
        """Return the further arguments for some images."""
        turned = np.zeros(self._n_turned, self.dtype)  # beyond the outputs it stays zero
        offsets = np.zeros(self._padded[0], np.int64)
        offsets[: self.n_products] = self.frame.offsets(self.n_in)
        return [
            self.frame.zeros(0, self.dtype), turned, offsets, n_images, *self.sizes, *self._padded,
            self.frame.row_step, self._strip,
        ]  # fmt: skip


def rounded_up(n: int, unit: int) -> int:
    """Return the smallest multiple of unit that is at least n."""
    return -(-n // unit) * unit
