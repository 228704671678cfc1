"""Actions that change the optimizer: rates, options, another optimizer, means of the weights."""

import numpy as np

from differential import rules
from differential.actions import action
from portanet import ExponentialMovingAverage

SETTINGS = (
    ("momentum", 0.5), ("weight_decay", 0.01), ("beta1", 0.7), ("beta2", 0.9), ("epsilon", 1e-3),
    ("nesterov", True), ("clip_norm", 0.05), ("clip_norm", None), ("clip_value", 0.01),
    ("clip_value", None), ("accumulate", 2), ("accumulate", 1), ("accumulate", 3),
    ("lr_factor", 0.5),
)  # fmt: skip


@action((0.01, 0.05, "float32", *rules.RATES), weight=4)
def lr(side, rate):
    """Set the learning rate, to a number or a schedule."""
    side.pure = side.pure and rate != "counter"
    if rate == "float32":
        side.optimizer.lr = np.float32(0.03)
    else:
        named = isinstance(rate, str)
        side.optimizer.lr = rules.make_rate(rate, side.model) if named else rate


@action((-1.0, 0.0, float("nan"), "text"), weight=1)
def bad_lr(side, value):
    """Set a learning rate that makes no sense, try a step, and go back."""
    before = side.optimizer.lr
    try:
        side.optimizer.lr = value
        return None if side.trainer else side.take(*side.here(*side.batch(8)))
    finally:
        side.optimizer.lr = before


@action(SETTINGS, weight=4)
def option(side, setting):
    """Set an option that the optimizer has."""
    name, value = setting
    if hasattr(side.optimizer, name):
        setattr(side.optimizer, name, value)


@action((0.5, 0.8), weight=2)
def own_option(side, value):
    """Change what a user's rule has in a dict."""
    if hasattr(side.optimizer, "config"):
        side.optimizer.config["damp"][0] = value


@action(("SGD", "Adam", "SGD momentum", "Waiting"), weight=2)
def new_optimizer(side, name):
    """Put another optimizer in place of the one in use."""
    side.optimizer = rules.make(name, side.model)
    (side.trainer or side.take).optimizer = side.optimizer


@action(("SGD", "Adam"), where="step", weight=1)
def new_step(side, name):
    """Make another compiled step for the model, with an optimizer of its own."""
    side.optimizer = rules.make(name, side.model)
    side.take = side.make_step(side.model, side.optimizer)


@action(weight=2)
def average(side):
    """Let a moving average take in the weights; and predict by the mean."""
    if side.ema is None or side.ema.model is not side.model:
        side.ema = ExponentialMovingAverage(side.model, decay=0.5)
    side.ema.update()
    x, _ = side.here(*side.batch(8))
    with side.ema.weights():
        return side.model(x)


@action(weight=1)
def draw_globally(side):
    """Draw from the global streams, and seed them anew, as a user's script does."""
    drawn = np.random.random(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    return drawn
