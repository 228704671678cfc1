"""Clipping of gradients, by their norm or by value."""

from collections.abc import Sequence
from math import inf

from portanet.backends import array_namespace
from portanet.typing import Array


def global_norm(grads: Sequence[Array]) -> Array:
    """Return sqrt(sum of all squares of all gradients), an array of shape () on their device.

    The numbers are divided by the largest first, as squares overflow in float32 from 2e19 on.

    >>> import numpy as np
    >>> float(global_norm([np.asarray([3e30, 0.0]), np.asarray([[4e30]])]))
    5e+30
    """
    xp = array_namespace(grads[0])
    flat = xp.concat([xp.reshape(grad, (-1,)) for grad in grads])
    if flat.shape[0] == 0:
        return xp.sum(flat)
    largest = xp.max(xp.abs(flat))
    scale = xp.where((largest > 0) & (largest < inf), largest, xp.ones_like(largest))
    scaled = flat / scale
    return scale * xp.sqrt(xp.sum(scaled * scaled))


def clipped(
    grads: dict[str, Array], max_value: float | None, max_norm: float | None
) -> dict[str, Array]:
    """Return gradients, by name, after clip_by_value and clip_by_norm; None leaves one out."""
    if max_value is None and max_norm is None:
        return grads
    values = list(grads.values())
    if max_value is not None:
        values = clip_by_value(values, max_value)
    if max_norm is not None:
        values = clip_by_norm(values, max_norm)
    return dict(zip(grads, values, strict=True))


def clip_by_norm(grads: Sequence[Array], max_norm: float) -> list[Array]:
    """Return the gradients times min(1, max_norm / (global_norm + 1e-6)), in the same direction.

    The norm stays on its device, so that the host does not wait for it.

    Source: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks",
    2013; the 1e-6 is PyTorch's.

    >>> import numpy as np
    >>> clip_by_norm([np.asarray([3.0]), np.asarray([4.0])], 1.0)
    [array([0.5999...]), array([0.7999...])]
    """
    norm = global_norm(grads)
    xp = array_namespace(norm)
    factor = xp.minimum(max_norm / (norm + 1e-6), xp.ones_like(norm))
    return [grad * factor for grad in grads]


def clip_by_value(grads: Sequence[Array], max_value: float) -> list[Array]:
    """Return the gradients clipped to [-max_value, max_value].

    >>> import numpy as np
    >>> clip_by_value([np.asarray([-3.0, 0.5])], 1.0)
    [array([-1. ,  0.5])]
    """
    xp = array_namespace(grads[0])
    limit = xp.full((), max_value, dtype=grads[0].dtype, device=grads[0].device)
    return [xp.minimum(xp.maximum(grad, -limit), limit) for grad in grads]  # clip waits for a GPU
