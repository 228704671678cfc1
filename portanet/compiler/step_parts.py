"""StepParts: the model and the optimizer of a compiled step, and how it is copied."""

from copy import copy
from typing import Any, Self

from portanet.compiler.options import Fast
from portanet.compiler.plans import Key, Plans
from portanet.data.lazy_batch import Kind
from portanet.joined import present_share
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential


class StepParts:
    """Has a model and an optimizer, which may be replaced, and options, which are kept by copies.

    `_start` begins anew, without plans.
    """

    plans: Plans
    _model: Sequential
    _optimizer: Optimizer
    _options: dict[str, Any]
    refused: str | None

    def _start(self) -> None:
        raise NotImplementedError

    @property
    def model(self) -> Sequential:
        """The model that is trained; another one starts anew."""
        return self._model

    @model.setter
    def model(self, model: Sequential) -> None:
        self.plans.drop("the model")
        self._model = model
        self._start()

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that moves it; another one starts anew."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self.plans.drop("the optimizer")
        self._optimizer = optimizer
        self._start()

    @property
    def fast(self) -> Fast:
        """Whether LLVM compiles the step; None: once that pays."""
        return self._options["fast"]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._model).__name__}, {self._optimizer})"

    def for_parts(self, model: Sequential, optimizer: Optimizer) -> Self:
        """Return a step with the same options for other parts."""
        other = copy(self)
        other.refused, other._model, other._optimizer = None, model, optimizer
        other._start()
        return other

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_model", "_optimizer", "refused", "_options")
        return {name: value for name, value in vars(self).items() if name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def _key(self, kind: Kind) -> Key:
        """Return the key of the plan for a kind of batch, and for the phase of the step.

        A step may move, or only add gradients up (1); and it may be the first to do so (2 if not).
        """
        optimizer, share = self._optimizer, present_share()
        if share is not None:  # the rows of other ranks decide what a step computes, too
            kind = (*kind, share.place)
        if optimizer.accumulate == 1:
            return kind, 0
        moves = optimizer.n_accumulated + 1 >= optimizer.accumulate
        return kind, (0 if moves else 1) + 2 * (optimizer.n_accumulated > 0)
