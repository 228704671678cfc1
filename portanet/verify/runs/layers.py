"""A layer at a place: its output, dL/dx and the parameters' gradients."""

from math import prod
from typing import Any

import numpy as np

from portanet.verify.catalogue.beside import Beside
from portanet.verify.catalogue.layer_case import LayerCase
from portanet.verify.catalogue.masked import WithLengths
from portanet.verify.runs.inputs import Draw, rounded, sprinkled
from portanet.verify.runs.layouts import values_of
from portanet.verify.runs.where import Where


def run_layer(case: LayerCase, draw: Draw, where: Where) -> dict[str, np.ndarray]:
    """Return what a layer computes for an input and a dL/d(output) that are drawn.

    The results are "forward", "gradient of x", "gradient of …" for each parameter, and where there
    are buffers "buffer …" and "forward after training".
    """
    layer = where.part(case.layer())
    x = where.array(layer_input(case, draw), draw.layout)
    y = layer.forward(x, training=True)
    found: dict[str, Any] = {"forward": y}
    grad_x = layer.backward(where.array(upstream(draw, tuple(y.shape))))
    if grad_x is not None:
        found["gradient of x"] = grad_x
    for name, parameter in layer.named_parameters().items():
        found[f"gradient of {name}"] = parameter.grad
    buffers = layer.named_buffers()
    found |= {f"buffer {name}": buffer.value for name, buffer in buffers.items()}
    if buffers:  # which the output then depends on
        found["forward after training"] = layer.forward(x)
    return {name: where.host(name, array) for name, array in found.items()}


def layer_input(case: LayerCase, draw: Draw) -> np.ndarray:
    """Return the input of a layer for a draw, on the host."""
    x = case.draw(draw.generator(case.name, "x"), draw.n or None)
    return values_of(sprinkled(rounded(x), draw), draw.layout)


def upstream(draw: Draw, shape: tuple[int, ...]) -> np.ndarray:
    """Return a dL/d(output) of a shape."""
    numbers = draw.generator("upstream").uniform(-1, 1, prod(shape))
    return rounded(numbers.reshape(shape))


def most_samples(case: LayerCase) -> int:
    """Return how many samples an input may have: side inputs are of the row's own number."""
    return case.shape[0] * (1 if isinstance(case.make(), Beside | WithLengths) else 4)
