"""The loss scale: what keeps small gradients from becoming 0 in float16."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from portanet.backends import array_namespace, backend_of
from portanet.buffer import TrainingBuffer
from portanet.checks import check_count, check_number
from portanet.errors import CheckpointError, short
from portanet.options import Option
from portanet.part import Part
from portanet.typing import Array

LARGEST = 2.0**24  # beyond, 1 / S itself is no gain: float16 ends at 2^16


class LossScale(Part):
    """S, which gradients are multiplied by before they go backward, and divided by afterwards.

        S <- S / 2    after a backward pass with a gradient that is infinite or NaN
        S <- 2 S      after growth_interval passes in a row without

    float16 holds no number below 2^-24 but 0; times S gradients are larger, and those that become
    larger than 65504 show. S stays a power of two times `initial`, within [1, 2^24], so that
    multiplying and dividing round nothing (for a power of two). S and the number of good passes lie
    on the network's device, and are saved with the optimizer.

    Raises ArgumentError unless initial is in [1, 2^24] and growth_interval an integer >= 1.

    Source: Micikevicius et al., "Mixed precision training", 2018, section 3.2; 2^16 and 2,000 are
    PyTorch's.

    >>> scale = LossScale(8.0, growth_interval=2)
    >>> for finite in (True, True, False):
    ...     scale.update(np.asarray(finite))
    ...     print(float(scale.scale.value), int(scale.n_good.value))
    8.0 1
    16.0 0
    8.0 0
    """

    initial = Option(check_number, 1, LARGEST, fixed=True)
    growth_interval = Option(check_count)

    def __init__(self, initial: float = 2.0**16, *, growth_interval: int = 2000) -> None:
        self.initial, self.growth_interval = initial, growth_interval
        self.scale = TrainingBuffer(np.asarray(initial, np.float32))
        self.n_good = TrainingBuffer(np.asarray(0, np.int32))

    def update(self, finite: Array) -> None:
        """Take in whether all gradients of a backward pass are finite: booleans of shape ()."""
        xp, S = array_namespace(finite), self.scale.value
        n_good = xp.where(finite, self.n_good.value + 1, 0)
        grows = n_good >= self.growth_interval
        S = xp.where(finite, xp.where(grows, 2 * S, S), 0.5 * S)
        self.scale.value = xp.minimum(xp.maximum(S, 1.0), LARGEST)
        self.n_good.value = xp.where(grows, 0, n_good)

    def numbers(self) -> dict[str, float]:
        """Return S and the number of good passes, on the host."""
        held = {"scale": self.scale, "n_good": self.n_good}
        return {n: backend_of(b.peek()).to_numpy(b.value).item() for n, b in held.items()}

    def set_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Go on from such numbers. Raises CheckpointError unless they are some."""
        S, n = numbers.get("scale"), numbers.get("n_good")
        if not (isinstance(S, float) and 1 <= S <= LARGEST and isinstance(n, int) and n >= 0):
            raise CheckpointError(
                f"LossScale: the state must have scale, a float in [1, {LARGEST:g}], and n_good, "
                f"an integer >= 0; is {short(numbers)}"
            )
        for buffer, number, dtype in ((self.scale, S, "float32"), (self.n_good, n, "int32")):
            backend = backend_of(buffer.peek())
            buffer.value = backend.asarray(np.asarray(number, dtype))


def all_finite(arrays: Sequence[Array]) -> Array:
    """Return whether no number is infinite or NaN, of shape () on the arrays' device.

    >>> bool(all_finite([np.ones(2), np.asarray([[np.inf]])]))
    False
    """
    xp = array_namespace(arrays[0])
    flat = xp.concat([xp.reshape(array, (-1,)) for array in arrays])
    return xp.all(xp.isfinite(flat))
