"""Workspace: a network, its optimizer and its compiled step, for one fit after the other.

Tracing and verifying a step takes about as long as a hundred steps of a small network, and fits of
one form follow each other: in a cross-validation, a search, an ensemble. So a workspace is kept
when a fit ends, and the next fit of the form begins in it, with other weights.
"""

from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

from portanet.backends import Backend, get
from portanet.checks import dtype_name
from portanet.compiler import CompiledStep
from portanet.compiler.options import SAME_BITS
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.compiler.runtime.readable_step import take_step
from portanet.data import Batches
from portanet.estimators.mlp_network import MLPForm
from portanet.estimators.mlp_optimizers import MLPSGD, MLPAdam, MLPOptimizer, Rate
from portanet.part import moved
from portanet.several import Arrays
from portanet.state import State
from portanet.training.own_steps import OwnSteps
from portanet.typing import Array

_MOST = 8  # workspaces that wait for another fit
_LARGEST = 2**20  # numbers of a network that waits: 40 MB with Adam's, in float64
_waiting: OrderedDict[Hashable, "Workspace"] = OrderedDict()


@dataclass(frozen=True)
class Setting:
    """Everything that a traced step depends on, but the shape of batches.

    form     the network
    rule     "sgd" or "adam", and its options
    place    the name of the backend and the device
    dtype    "float32" or "float64"
    compile  whether steps are compiled
    """

    form: MLPForm
    rule: tuple[str, tuple[tuple[str, Any], ...]]
    place: tuple[str, Any]
    dtype: str
    compile: bool

    def optimizer(self, network: Any) -> MLPOptimizer:
        """Return the optimizer; its learning rate is assigned when a fit begins."""
        kind, options = self.rule
        rule = {"sgd": MLPSGD, "adam": MLPAdam}[kind]
        return rule(network, Rate(1.0), **dict(options))


@dataclass
class OptimizerState:
    """What an optimizer remembers when a fit ends, and its learning rate."""

    state: State
    learning_rate: float

    def on_backend(self, target: Backend) -> "OptimizerState":
        """Return the same with its arrays on another backend."""
        arrays = {n: moved(a, target, dtype_name(a.dtype)) for n, a in self.state.arrays.items()}
        return OptimizerState(State(arrays, self.state.numbers), self.learning_rate)


class Workspace:
    """Takes the steps of an epoch, compiled or as they are written."""

    def __init__(self, setting: Setting) -> None:
        name, device = setting.place
        self.setting = setting
        self.model = setting.form.network().to(name, device=device, dtype=setting.dtype)
        self.backend = self.model.backend
        self.optimizer = setting.optimizer(self.model)
        self._left: list[Array] = []
        model, optimizer = self.model, self.optimizer
        compiled = CompiledStep(model, optimizer, fast=SAME_BITS) if setting.compile else None
        self.steps = OwnSteps(self, EpochLoss(self.model)) if compiled is None else compiled

    def begin(
        self, coefs: list[Array], intercepts: list[Array], rate: float, n_to_come: int
    ) -> None:
        """Begin a fit: weights, a learning rate, and an optimizer that remembers nothing.

        n_to_come are steps that are expected to follow.
        """
        if isinstance(self.steps, CompiledStep):
            self.steps.n_to_come = n_to_come
        self.model.assign(coefs, intercepts)
        self.optimizer.memory.reset()
        self.optimizer.lr.value = rate

    def go_on(self, remembered: OptimizerState) -> None:
        """Go on from what an optimizer remembers."""
        self.optimizer.load_state(remembered.state)
        self.optimizer.lr.value = remembered.learning_rate

    def optimizer_state(self) -> OptimizerState:
        """Return what the optimizer remembers."""
        return OptimizerState(self.optimizer.state(), self.optimizer.lr.value)

    def step(self, x: Arrays, y: Arrays) -> Array:
        """Take a step as it is written; return the losses."""
        return take_step(self.model, self.optimizer, x, y)

    def epoch(self, batches: Batches) -> float:
        """Take a step with each batch of an epoch; return the mean loss, on the host."""
        return float(self.backend.to_numpy(self.steps.epoch(batches)))

    def arrays(self) -> tuple[list[Array], list[Array]]:
        """Return copies of the weights and biases, on the device."""
        copy = self.backend.xp.asarray
        coefs, intercepts = self.model.arrays()
        self._left = [copy(w, copy=True) for w in coefs]
        return self._left, [copy(b, copy=True) for b in intercepts]

    def left(self, coefs: list[Array]) -> bool:
        """Return whether these are the weights that were left here."""
        return coefs is self._left

    def may_wait(self) -> bool:
        """Return whether a next fit in this workspace gives the same bits as one in a new one.

        On NumPy a replay gives the bits of the step as it is written. A fused kernel may round
        otherwise, and which steps are taken by it must not depend on what was fitted before.
        """
        plans = self.steps.plans if isinstance(self.steps, CompiledStep) else None
        small = sum(prod(p.form[0]) for p in self.model.parameters()) <= _LARGEST
        on_numpy = self.backend is get("numpy")
        return (
            on_numpy
            and small
            and plans is not None
            and all(planned.plan.same_bits for planned in plans.values())
        )


def workspace_for(setting: Setting) -> Workspace:
    """Return a workspace: one that waits, which nobody else gets then, or a new one."""
    with suppress(KeyError, TypeError):  # TypeError: CuPy's devices are not hashable
        return _waiting.pop(setting)
    return Workspace(setting)


def give_back(workspace: Workspace) -> None:
    """Keep a workspace for a next fit of its form, if it may wait; the oldest make place."""
    if workspace.may_wait():
        _waiting[workspace.setting] = workspace
        while len(_waiting) > _MOST:
            _waiting.popitem(last=False)
