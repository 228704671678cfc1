"""The arguments of direct convolution: how many sums are held in registers, and where is what."""

from math import prod
from typing import Any

import numpy as np

from portanet.backends._llvm import machine

Images = tuple[int, int, int, int]

_WAITING, _PLACES = 2**16, 256  # bytes of sums or gradients, and for how many places, at a time
_VECTOR = 64  # bytes: one register or several, in which x meets as many numbers of w
_FEWEST_SUMS = 8  # registers of them: fewer wait for each other
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

    def zeros(self, dtype: np.dtype) -> np.ndarray:
        """Return its memory."""
        return np.zeros(self._size, dtype)

    def offsets(self, n_in: int) -> np.ndarray:
        """Return how far behind a place of the output lies what it sees, (n_in kh kw)."""
        (kh, kw), (dh, dw) = self._window.kernel, self._window.dilation
        c, i, j = (a.ravel() for a in np.indices((n_in, kh, kw)))
        phase, column = j * dw % self._stride, j * dw // self._stride
        return (c * self._n_rows + i * dh) * self._row + phase * self.pitch + column


class _Direct:
    """A direct loop, which holds `units` vectors of `lanes` sums in registers: `least` to `most`.

    step    how many outputs a group has, rounded up to lanes
    share   how many of the numbers that are computed mean something
    """

    file = "loops_direct"

    def __init__(self, window: Any, image: Images, output: Images, groups: int, dtype: Any) -> None:
        n_bytes, n_registers = machine.vector_registers()
        a_vector = _VECTOR // n_bytes
        self.lanes = _VECTOR // dtype.itemsize
        self.most = n_registers // a_vector * 5 // 8  # the others hold x and w
        self.least = min(self.most, _FEWEST_SUMS // a_vector)
        self.frame, self.dtype = Frame(window, image), dtype
        self.n_in, self.n_out = image[1] // groups, output[1] // groups
        self.n_products = self.n_in * prod(window.kernel)
        self.step = rounded_up(self.n_out, self.lanes)
        self.share = self.n_out / self.step
        self.sizes = (*self.frame.sizes, groups, *output[1:])

    @property
    def constants(self) -> dict[str, Any]:
        """What is written out in the loop."""
        return {"UNITS_units_lanes": (tuple(range(self.units)), self.units, self.lanes)}

    def n_rows(self, height: int, width: int) -> int:
        """Return for how many rows of the output to have a number for each output in memory."""
        n_places = min(_PLACES, _WAITING // (self.step * self.dtype.itemsize))
        return max(1, min(height, n_places // width))


class DirectForward(_Direct):
    """The loop that makes y of x and w; with weights mirrored, dL/dx of grad and w."""

    name = "forward"

    def __init__(
        self, window: Any, image: Images, output: Images, groups: int, dtype: np.dtype,
        mirrored: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(window, image, output, groups, dtype)
        height, width = output[2:]
        self.units = self._best_units(width)
        self.share *= width / rounded_up(width, self.units)
        strip, n_parts = self.n_rows(height, width), -(-self.n_products // _PART)
        self._sizes_of_memory = groups * self.n_products * self.step, strip * width * self.step
        part = -(-self.n_products // n_parts)
        self._further = (self.n_products, self.step, self.frame.row_step, strip, part)
        self._weights = self._steps(prod(window.kernel), mirrored)

    def _best_units(self, width: int) -> int:
        """Return how many places of a row to do at once: as many as divide it best."""
        least = max(self.most // 2, self.least)
        wanted = range(min(self.most, width), min(least, width) - 1, -1)
        return min(wanted, key=lambda n: rounded_up(width, n))

    def _steps(self, n_offsets: int, mirrored: bool) -> tuple[int, ...]:
        """Return how many offsets there are, where weights begin, and steps along their axes."""
        if mirrored:
            return n_offsets, n_offsets - 1, n_offsets, self.n_out * n_offsets, -1
        return n_offsets, 0, self.n_products, n_offsets, 1

    def arguments(self, n_images: int) -> list[Any]:
        """Return the further arguments for some images."""
        packed, sums = (np.empty(n, self.dtype) for n in self._sizes_of_memory)
        return [
            self.frame.zeros(self.dtype), packed, sums, self.frame.offsets(self.n_in), n_images,
            *self.sizes, *self._further, *self._weights,
        ]  # fmt: skip


class DirectSums(_Direct):
    """The loop that adds up dL/dw: (groups, K, O/groups), both rounded up."""

    name = "backward_w"

    def __init__(
        self, window: Any, image: Images, output: Images, groups: int, dtype: np.dtype
    ) -> None:
        super().__init__(window, image, output, groups, dtype)
        fewest = max(self.least, min(_FEWEST_SUMS, self.most - 1))
        wanted = range(fewest, min(fewest + 1, self.most) + 1)  # 9 for 3 x 3 on few channels
        self.units = min(wanted, key=lambda n: rounded_up(self.n_products, n))
        self.sums = (groups, rounded_up(self.n_products, self.units), self.step)
        self._strip = self.n_rows(*output[2:])
        self._n_turned = self._strip * output[3] * self.step

    def arguments(self, n_images: int) -> list[Any]:
        """Return the further arguments for some images."""
        turned = np.zeros(self._n_turned, self.dtype)  # beyond the outputs it stays zero
        offsets = np.zeros(self.sums[1], np.int64)
        offsets[: self.n_products] = self.frame.offsets(self.n_in)
        return [
            self.frame.zeros(self.dtype), turned, offsets, n_images, *self.sizes, *self.sums[1:],
            self.frame.row_step, self._strip,
        ]  # fmt: skip


def rounded_up(n: int, unit: int) -> int:
    """Return the smallest multiple of unit that is at least n."""
    return -(-n // unit) * unit
