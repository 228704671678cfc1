"""Actions that train: steps with batches of all kinds, epochs, evaluations."""

import numpy as np

from differential import networks
from differential.actions import action
from differential.trainers import largest_prediction, mean_prediction
from portanet import DataLoader
from portanet.errors import DataError

SIZES = (8, 8, 8, 8, 8, 8, 3, 5, 1, 0)
LAYOUTS = {
    "C": lambda a: a,
    "F": np.asfortranarray,
    "rows": lambda a: np.repeat(a, 2, axis=0)[::2],
    "columns": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "table": lambda a: np.concatenate([a, a], axis=-1)[..., : a.shape[-1]],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "one row": lambda a: np.broadcast_to(a[:1], a.shape),
    "offset": lambda a: np.concatenate([a[:1], a])[1:] if len(a) else a,
}
WRITES = ("C", "read-only", "written afterwards")


def _taken(side, x, y):
    x, y = side.here(x, y)
    losses = side.take(x, y)
    side.kept += [losses]
    return {"losses": losses, "x": np.asarray(side.model.backend.to_numpy(x))}


@action(SIZES, tuple(LAYOUTS), where="step", weight=30)
def step(side, size, layout):
    """Take a step with a batch that lies in some way."""
    x, y = side.batch(size)
    return _taken(side, LAYOUTS[layout](x), LAYOUTS[layout](y))


@action((8, 8, 5), WRITES, where="step", weight=4)
def step_with(side, size, access):
    """Take a step with a batch that is read-only, or that is written over afterwards."""
    x, y = side.batch(size)
    x.flags.writeable = y.flags.writeable = access != "read-only"
    result = _taken(side, x, y)
    if access == "written afterwards":
        x[...] = 0
        y[...] = 0
    return result


@action(("1-d", "float32", "float64", "wide", "bool", "swapped bytes"), where="step", weight=1)
def odd_step(side, how):
    """Take a step with a batch that is unusual, or wrong."""
    x, y = side.batch(8)
    if how == "1-d" and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    elif how == "bool":
        y = y.astype(bool)
    elif how == "wide":
        x = np.concatenate([x, x], axis=-1)
    elif how == "swapped bytes":
        x = x.astype(x.dtype.newbyteorder())
    elif how in ("float32", "float64"):
        x = x.astype(how)
    return _taken(side, x, y)


@action((7, -1, 99), where="step", weight=1)
def bad_indices(side, index):
    """Take a step with labels or tokens out of range: an error or NaN, never a plausible loss."""
    x, y = side.batch(8)
    side.over = True  # after NaN there is nothing to compare
    if networks.takes_integers(side.program.front):
        x = np.full_like(x, index)
    elif y.dtype.kind == "i":
        y = np.full_like(y, index)
    try:
        losses = side.take(*side.here(x, y))
    except DataError:
        return "refused"
    return losses if np.isfinite(side.model.backend.to_numpy(losses)).all() else "refused"


@action(where="step", weight=1)
def step_with_nan(side):
    """Take a step with a batch that holds a NaN and an infinity; and put the model back."""
    before = [p.value for p in side.parameters]
    x, y = side.batch(8)
    if x.dtype.kind == "f":
        x.reshape(-1)[[0, -1]] = np.nan, np.inf
    result = _taken(side, x, y)
    for p, value in zip(side.parameters, before, strict=True):
        p.value = value
    return result


@action((8, 8, 5))
def by_hand(side, size):
    """Take a step as it is written, by hand."""
    x, y = side.here(*side.batch(size))
    model = side.model
    losses = model.criterion.forward(model.forward(x, training=True), y, training=True)
    model.backward()
    side.optimizer.step()
    return losses


@action()
def gradients_only(side):
    """Forward and backward, and no step."""
    x, y = side.here(*side.batch(8))
    model = side.model
    losses = model.criterion.forward(model.forward(x, training=True), y, training=True)
    return losses, model.backward()


@action(weight=1)
def optimizer_step_alone(side):
    """Ask the optimizer for a step, without new gradients."""
    if not side.torn:
        side.optimizer.step()


@action((8, 5), weight=4)
def predict(side, size):
    """Forward, not in training."""
    x, _ = side.here(*side.batch(size))
    predictions = side.model(x)
    side.kept += [predictions]
    return predictions


@action((1, 1, 2, 3), where="trainer", weight=24)
def train(side, n_epochs):
    side.trainer.train(n_epochs, log_level=0)
    return side.trainer.history


@action(("val_dl", "train_dl", "new"), where="trainer", weight=8)
def evaluate(side, which):
    loader = side.make_loader(4) if which == "new" else getattr(side.trainer, which)
    return None if loader is None else side.trainer.evaluate(loader)


@action((8, 3), where="trainer", weight=3)
def trainer_step(side, size):
    return side.trainer.step(*side.here(*side.batch(size)))


@action(("train_dl", "val_dl"), (2, 4, 20), (False, True), where="trainer")
def new_loader(side, which, batch_size, shuffle):
    setattr(side.trainer, which, side.make_loader(batch_size, shuffle))


@action(("batch_size", "shuffle", "data", "none"), where="trainer")
def change_loader(side, what):
    loader = side.trainer.train_dl
    if what == "batch_size":
        loader.batch_size = 3 if side.most > 3 else 1
    elif what == "shuffle":
        loader.shuffle = not loader.shuffle
    elif what == "data":
        loader.ds = side.make_loader(4, n=7).ds
    else:
        side.trainer.val_dl = None


@action((largest_prediction.__name__, mean_prediction.__name__, "none", "keeps"), where="trainer")
def new_metric(side, name):
    def keeps(predictions, y):
        side.kept += [predictions]
        return mean_prediction(predictions, y)

    known = {f.__name__: f for f in (largest_prediction, mean_prediction, keeps)}
    side.trainer.metric = known.get(name)


@action(weight=0)
def nothing(side):
    """Only look."""


@action(where="trainer", weight=1)
def loop_over_loader(side):
    """Look at the batches of an epoch, as users do."""
    loader: DataLoader = side.trainer.train_dl
    return [x.shape for x, _ in loader]
