"""Actions that change the network: values, settings, layers, where it lies."""

import numpy as np

from differential import losses, networks, rules
from differential.actions import action
from portanet import Linear, Sequential

INDEX = tuple(range(8))
VALUES = (0.5, 0.9, 1.5)


def _nth(items, i):
    return items[i % len(items)]


@action(INDEX, ("new", "in place", "fortran", "read-only", "of another", "scaled"), weight=4)
def assign(side, i, how):
    """Give a parameter a value."""
    p = _nth(side.parameters, i)
    rng = np.random.default_rng([i, side.n_drawn])
    host = side.model.backend.to_numpy(p.value)
    new = (0.3 * rng.standard_normal(host.shape)).astype(host.dtype)
    alike = [q for q in side.parameters if q.value.shape == p.value.shape]
    if how == "in place":
        p.value[...] = side.here(new)[0]
    elif how == "of another":
        p.value = _nth(alike, i + 1).value
    elif how == "scaled":
        p.value = p.value * 0.5
    else:
        new = np.asfortranarray(new) if how == "fortran" else new
        new.flags.writeable = how != "read-only"
        p.value = side.here(new)[0]
        side.kept += [new]


@action(INDEX)
def swap_values(side, i):
    """Exchange the values of two parameters of one shape."""
    p = _nth(side.parameters, i)
    q = _nth([q for q in side.parameters if q.value.shape == p.value.shape], i + 1)
    p.value, q.value = q.value, p.value


@action(INDEX)
def swap_parameters(side, i):
    """Exchange two Parameters, the objects, of two Linear layers of one shape."""
    linear = [layer for layer in side.model.layers if isinstance(layer, Linear)]
    a = _nth(linear, i)
    b = _nth([b for b in linear if b.weights.value.shape == a.weights.value.shape], i + 1)
    a.weights, b.weights = b.weights, a.weights


@action(INDEX)
def no_gradient(side, i):
    _nth(side.parameters, i).grad = None


@action(INDEX, ("freeze", "unfreeze"), weight=3)
def freeze(side, i, what):
    getattr(_nth(side.model.layers, i), what)()


@action(INDEX)
def toggle_trainable(side, i):
    p = _nth(side.parameters, i)
    p.trainable = not p.trainable


@action(INDEX)
def buffer_in_place(side, i):
    """Change a buffer, by a new array or where it lies."""
    buffers = [b for b in side.model.named_buffers().values() if b.value.dtype.kind == "f"]
    if buffers and i % 2:
        _nth(buffers, i).value = _nth(buffers, i).value * 0.5
    elif buffers:
        _nth(buffers, i).value[...] = 0.25


@action(VALUES, weight=10)
def change_setting(side, value):
    """Change the settings of all users' layers, and of a user's loss."""
    for part in (*side.model.layers, side.model.criterion):
        if hasattr(part, "change"):
            part.change(value)


@action(INDEX, VALUES, weight=3)
def nudge(side, i, factor):
    """Change a number of a layer or of the loss: p, eps, slope, momentum …"""
    parts = [*side.model.named_parts().values()]
    held = [(part, name) for part in parts for name, v in vars(part).items()
            if type(v) is float and not name.startswith("_")]  # fmt: skip
    if held:
        part, name = _nth(held, i)
        setattr(part, name, getattr(part, name) * factor)


@action(INDEX)
def replace(side, i):
    """Put a new layer of its kind in a layer's place, in the list."""
    i %= len(side.model.layers)
    side.model.layers[i] = networks.anew(side.makers[i], 50 + i, side.model)


@action(INDEX, tuple(networks.OWN))
def insert(side, i, name):
    """Put a user's layer before the last Linear layer."""
    at = max(k for k, layer in enumerate(side.model.layers) if isinstance(layer, Linear))
    layer = networks.anew(networks.OWN[name], 60 + i, side.model)
    side.model.layers.insert(at, layer)
    side.makers.insert(at, networks.OWN[name])
    side.pure = side.pure and name in networks.PURE


@action(INDEX)
def remove(side, i):
    """Take a user's layer out."""
    own = [k for k, make in enumerate(side.makers) if make in networks.OWN.values()]
    if own and len(side.parameters) > 1:
        del side.model.layers[_nth(own, i)], side.makers[_nth(own, i)]


@action(weight=1)
def another_list(side):
    side.model.layers = list(side.model.layers)


@action(("same", "wider"), weight=1)
def replace_head(side, how):
    """Put a Linear layer in the last one's place: a new task."""
    i = max(k for k, layer in enumerate(side.model.layers) if isinstance(layer, Linear))
    n_in, n_out = side.model.layers[i].weights.value.shape
    make = networks.linear(n_in, n_out + (how == "wider"))
    side.model.layers[i] = networks.anew(make, 70, side.model)
    side.makers[i] = make


@action(("made anew", "MAE"), weight=1)
def new_criterion(side, how):
    name = "MAE" if how == "MAE" and side.program.loss.startswith("MSE") else side.program.loss
    side.model.criterion = networks.anew(losses.LOSSES[name].make, 0, side.model)


@action(("float32", "float64", "strict", "there and back", "same"), weight=3)
def to(side, where):
    """Move the model."""
    if where.startswith("float"):
        side.model.to(side.program.backend, dtype=where)
    elif where == "there and back":
        other = "float32" if side.model.dtype == "float64" else "float64"
        side.model.to(dtype=other).to(dtype=side.program.dtype)
    else:
        side.model.to(where if where == "strict" else side.program.backend)


@action((8, 5), where="step")
def train_another(side, size):
    """Train another network that has some of the layers: a second step lives beside the first."""
    if side.other is None:
        make = networks.linear(networks.WIDTH, 4)
        i = max(k for k, layer in enumerate(side.model.layers) if isinstance(layer, Linear))
        layers = [*side.model.layers[:i], networks.anew(make, 80, side.model)]
        model = Sequential(layers, losses.LOSSES["CrossEntropy"].make())
        model.to(side.model.backend.name, dtype=side.model.dtype)
        side.other = side.make_step(model, rules.make("SGD momentum", model))
    x, _ = side.batch(size)
    return side.other(*side.here(x, np.arange(len(x)) % 4))
