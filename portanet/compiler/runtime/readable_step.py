"""The step as it is written: what every plan is held to."""

from portanet.optimizer import Optimizer
from portanet.sequential import Sequential
from portanet.typing import Array


def take_step(model: Sequential, optimizer: Optimizer, x: Array, y: Array) -> Array:
    """Forward, loss, backward, update; return the losses.

    Where it is interrupted before the optimizer has moved, buffers are what they were.
    """
    place = (optimizer.n_steps, optimizer.n_accumulated)
    buffers = [(buffer, buffer.value) for buffer in model.named_buffers().values()]
    try:
        losses = model.criterion.forward(model.forward(x, training=True), y, training=True)
        model.backward()
        optimizer.step()
    except BaseException:
        if (optimizer.n_steps, optimizer.n_accumulated) == place:
            for buffer, value in buffers:
                buffer.value = value
        raise
    return losses
