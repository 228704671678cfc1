"""Known differences between backends: what differs, why, and where that is written."""

from dataclasses import dataclass

import numpy as np

from portanet.backends import Backend


@dataclass(frozen=True)
class KnownDifference:
    """A difference that is no fault, with its reason and source.

    None is excused by its name: the check that meets one computes what the reason predicts, and
    only a result that is just that has the difference's name (Finding.known).
    """

    name: str
    reason: str
    source: str


FLUSHED = "denormals are flushed"
BOUNDED = "a probability is at least the smallest normal number"
PLACED = "a NaN stays in its own segment"
KNOWN = [
    KnownDifference(
        FLUSHED,
        "numbers below the smallest normal one (1.2e-38 in float32) count as 0, in inputs and in "
        "results; which backends do so is measured",
        "JAX: https://docs.jax.dev/en/latest/notebooks/Common_Gotchas_in_JAX.html, "
        "https://github.com/jax-ml/jax/issues/16200; CuPy, which compiles float32 with -ftz=true: "
        "https://github.com/cupy/cupy/issues/8382 and /9576",
    ),
    KnownDifference(
        BOUNDED,
        "binary cross entropy bounds p and 1 - p by the smallest normal number of their dtype, so "
        "that at p = 0 the loss is 87.3 in float32 and 708.4 in float64. The result must be that "
        "of float64 at float32's bound, 1.2e-38",
        "portanet/losses/binary.py",
    ),
    KnownDifference(
        PLACED,
        "the plain segment_sum is a product with 0 and 1, so that a NaN or an infinity reaches "
        "the sums of all segments; a kernel that adds by index leaves it in its own. Its result "
        "must be that of adding by index in float64",
        "IEEE 754-2019, 6.2 and 7.2: 0 times NaN, and 0 times infinity, are NaN; numpy.add.at",
    ),
]


def flushes(place: Backend) -> bool:
    """Return whether a backend takes denormal numbers for 0, by a product on its device.

    >>> from portanet.backends import get
    >>> flushes(get("numpy"))
    False
    """
    x = place.asarray(np.asarray([1e-40]), "float32")
    return not place.to_numpy(x * 1.5).all()
