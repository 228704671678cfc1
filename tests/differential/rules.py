"""The optimizers of the programs: the rows of the table, users' own rules, and options."""

import numpy as np
from cases_optimizers import OPTIMIZERS

from portanet import SGD, Adam, Group, is_vector
from portanet.schedules import Cosine, StepDecay, WarmUp

RATE = 0.02


class Waiting(SGD):
    """Moves from the fourth step on."""

    def update(self, value, grad, slots, scalars):
        if self.n_steps < 4:
            return value, slots
        return super().update(value, grad, slots, scalars)


class ReadsRate(SGD):
    """Takes the learning rate from the attribute."""

    def update(self, value, grad, slots, scalars):
        return value - self.rate(self.n_steps) * grad, slots


class KeepsRates(SGD):
    """Keeps a list of its own."""

    def __init__(self, *args, **options):
        self.rates = [0.0]
        super().__init__(*args, **options)

    def scalars(self, step):
        numbers = super().scalars(step)
        self.rates = [*self.rates, numbers["lr"]]
        return numbers | {"lr": numbers["lr"] / len(self.rates)}


class CountsUpdates(SGD):
    """Counts its updates, one a parameter."""

    n = 0

    def update(self, value, grad, slots, scalars):
        self.n += 1
        return super().update(value, grad / (1 + 0.01 * self.n), slots, scalars)


class Lookahead(SGD):
    """Every third step goes half of the way back to the slow weights."""

    def step(self):
        if not hasattr(self, "slow"):
            self.slow = {n: p.value.copy() for n, p in self.model.named_parameters().items()}
        super().step()
        if self.n_steps % 3 == 0:
            for name, p in self.model.named_parameters().items():
                p.value = self.slow[name] + 0.5 * (p.value - self.slow[name])
                self.slow[name] = p.value.copy()


class NoisyRule(SGD):
    """Adds noise to gradients, drawn from NumPy's global stream."""

    def update(self, value, grad, slots, scalars):
        noise = np.random.standard_normal(grad.shape).astype(grad.dtype)  # noqa: NPY002
        return super().update(value, grad + 0.1 * noise, slots, scalars)


class DrawnStart(SGD):
    """Slots that start with drawn numbers."""

    def init(self, value):
        drawn = np.random.standard_normal(value.shape).astype(value.dtype)  # noqa: NPY002
        return {"start": drawn * 0.01}

    def update(self, value, grad, slots, scalars):
        return value - scalars["lr"] * (grad + slots["start"]), {"start": slots["start"] * 0.5}


class ByConfig(Adam):
    """Damps gradients by a number in a dict."""

    def __init__(self, *args, **options):
        self.config = {"damp": [1.0]}
        super().__init__(*args, **options)

    def update(self, value, grad, slots, scalars):
        return super().update(value, grad * self.config["damp"][0], slots, scalars)


class BranchingRule(SGD):
    """Leaves large gradients out, with an `if`."""

    def update(self, value, grad, slots, scalars):
        if abs(grad).max() > 0.5:
            return value, slots
        return super().update(value, grad, slots, scalars)


class CallCounter:
    """A schedule that counts how often it was asked: not a function of the step alone."""

    def __init__(self):
        self.n = 0

    def __call__(self, step):
        self.n += 1
        return RATE / (1 + 0.1 * self.n)


class ByWeights:
    """A schedule that reads the weights: smaller steps for larger ones."""

    def __init__(self, model):
        self.model = model

    def __call__(self, step):
        sizes = [float(abs(p.value).mean()) for p in self.model.parameters()]
        return RATE / (1 + sum(sizes))


def halving(step):
    return RATE * 0.5**step


def is_bias(name, parameter):
    return name.endswith("bias")


def is_matrix(name, parameter):
    return parameter.value.ndim == 2


OWN = {
    cls.__name__: cls
    for cls in (Waiting, ReadsRate, KeepsRates, CountsUpdates, Lookahead, NoisyRule, DrawnStart,
                ByConfig, BranchingRule)
}  # fmt: skip
RULES = {row.id: row.make for row in OPTIMIZERS} | OWN
# These turn a gradient that is rounding noise (a bias before a normalization) into a full move.
AMPLIFYING = ("Lion", "Muon", "Muon like AdamW", "Adagrad", "RAdam", "Adadelta")
RATES = {
    "lr": lambda: RATE,
    "float64": lambda: np.float64(RATE),
    "cosine": lambda: Cosine(RATE, 8),
    "warm up": lambda: WarmUp(StepDecay(RATE, every=2), 4),
    "function": lambda: halving,
    "lambda": lambda: lambda step: RATE / (1 + step),
    "counter": CallCounter,
    "by weights": ByWeights,
}
OPTIONS = {
    "clip_norm": lambda: {"clip_norm": 0.1},
    "clip_value": lambda: {"clip_value": 0.05},
    "accumulate": lambda: {"accumulate": 2},
    "accumulate 3": lambda: {"accumulate": 3},
    "group lr": lambda: {"groups": [Group(is_vector, lr=0.005)]},
    "group factor": lambda: {"groups": [Group(is_vector, lr_factor=0.5)]},
    "groups": lambda: {"groups": [
        Group(is_bias, lr_factor=0.0), Group(is_matrix, lr=halving)]},
}  # fmt: skip


def make_rate(rate, model):
    """Return a learning rate or a schedule."""
    return ByWeights(model) if rate == "by weights" else RATES[rate]()


def make(name, model, rate="lr", options=()):
    """Return an optimizer for a model."""
    given = {"lr": make_rate(rate, model)}
    for option in options:
        given |= OPTIONS[option]()
    return RULES[name](model, **given)
