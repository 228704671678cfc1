"""Actions that tamper: writing into what was handed out, patching methods, new parameters."""

import copy

import numpy as np

from differential import world
from differential.actions import action
from portanet import Linear, Parameter, Tanh

INDEX = tuple(range(8))


@action((0.25, "nan"), weight=3)
def write_into_kept(side, value):
    """Write into all that was kept and is not in use any more."""
    holders = [*side.parameters, *side.model.named_buffers().values()]
    in_use = [side.model.backend.to_numpy(holder.value) for holder in holders]
    for array in side.kept:
        old = not any(np.array_equal(array, used) for used in in_use)
        if isinstance(array, np.ndarray) and array.flags.writeable and old and array.ndim:
            array[...] = float(value)


@action(INDEX)
def new_parameter(side, i):
    """Put a new Parameter in place of a Linear layer's weights."""
    layers = [layer for layer in side.model.layers if isinstance(layer, Linear)]
    layer = layers[i % len(layers)]
    layer.weights = Parameter(layer.weights.value * 0.5)


@action(INDEX)
def copy_layer(side, i):
    """Put a copy of a layer in its place."""
    i %= len(side.model.layers)
    side.model.layers[i] = copy.deepcopy(side.model.layers[i])


def halved(method):
    def half(self, *args, **options):
        return method(self, *args, **options) * 0.5

    return half


PATCHES = ("Linear.backward", "Tanh.forward", "loss", "gradient", "layer")


@action(PATCHES, weight=2)
def patch_library(side, what):
    """Put another method in place of one of portanet's, as people do who look for a fault."""
    owner = {"Linear": Linear, "Tanh": Tanh}.get(what.partition(".")[0])
    name = what.partition(".")[2] or what
    if what == "layer":
        owner, name = type(side.model.layers[-1]), "forward"
    elif owner is None:
        owner = type(side.model.criterion)
    world.patch(owner, name, halved(getattr(owner, name)))


@action((30, 70), where="step", weight=2)
def many_steps(side, n):
    """Take many steps: what happens seldom shows, and so does what is verified seldom."""
    found = []
    for _ in range(n):
        losses = side.take(*side.here(*side.batch(8)))
        found.append(side.model.backend.to_numpy(losses).mean())
    return np.asarray(found)


@action(where="step", weight=1)
def many_sizes(side):
    """Take steps with batches of more sizes than there are plans, twice each."""
    for size in (*range(1, 12), *range(1, 12)):
        side.take(*side.here(*side.batch(size)))


@action((8, 5), where="step")
def second_step(side, size):
    """Take turns with another compiled step of the same model and optimizer."""
    if side.second is None or side.second.model is not side.model:
        side.second = side.make_step(side.model, side.optimizer)
    side.second.optimizer = side.optimizer
    return side.second(*side.here(*side.batch(size)))


@action((0.5, 2.0), weight=2)
def change_model(side, value):
    """Change a setting of a user's network."""
    if hasattr(side.model, "change"):
        side.model.change(value)
