"""A training run at a place, step by step, with every tensor of each step on the host."""

import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from portanet.checkpoint import load, save
from portanet.checks import skip_value_checks
from portanet.compiler import NotCompiledWarning, compile_step
from portanet.layer import Layer
from portanet.training.streams import set_streams, streams_of
from portanet.verify.catalogue.networks import NetworkCase
from portanet.verify.runs.inputs import Draw, rounded
from portanet.verify.runs.where import Where


class NotCompiledError(RuntimeError):
    """The network was not compiled, for the reason that this says."""


class WrongPlanError(RuntimeError):
    """The network was compiled, and the compiler's own check found the results to differ."""


class Training:
    """A network and its optimizer at a place.

    `tensors` holds everything that the steps have computed, by names such as
    "step 3: gradient of layers.0.weights", in the order of computation. `options` are
    compile_step's; without them steps run as they are written, and the outputs of layers are among
    the tensors.
    """

    def __init__(
        self, case: NetworkCase, draw: Draw, where: Where, options: Mapping[str, Any] | None = None
    ) -> None:
        self.case, self.draw, self.where = case, draw, where
        self.model = where.part(case.network())
        self.optimizer = case.optimizer(self.model)
        self.tensors: dict[str, np.ndarray] = {}
        self.n_steps = 0
        self._compiled = None
        if options is None:
            _record_outputs(self.model, self._note)
        else:
            self._compiled = compile_step(self.model, self.optimizer, **options)

    def steps(self, n: int) -> "Training":
        """Take some steps.

        Raises NotCompiledError if they were to be compiled and cannot be, WrongPlanError if what
        was compiled computes something else.
        """
        kept = {}
        for _ in range(n):
            rng = self.draw.generator(self.case.name, str(self.n_steps))
            x, y = (self.where.array(rounded(part)) for part in self.case.batch(rng))
            with np.errstate(all="ignore"), skip_value_checks():
                losses = self._readable(x, y) if self._compiled is None else self._replay(x, y)
            self._note("loss", losses)
            self._note_state()
            kept[self.n_steps] = losses
            self.n_steps += 1
        for step, losses in kept.items():  # what was handed out must not change later
            self.tensors[f"step {step}: loss that was kept"] = self._copy("loss", losses)
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the network and its optimizer, and how far dropout has drawn, as a Trainer does."""
        extra = {"n_steps": self.n_steps, "streams": streams_of(self.model)}
        save(path, self.model, self.optimizer, extra=extra)

    def resume(self, path: str | os.PathLike[str]) -> "Training":
        """Go on from what another run has saved."""
        extra = load(path, self.model, self.optimizer)
        self.n_steps = extra["n_steps"]
        set_streams(extra["streams"], self.model)
        return self

    def _readable(self, x: Any, y: Any) -> Any:
        """Take a step as Trainer.step does."""
        y_hat = self.model.forward(x, training=True)
        losses = self.model.criterion.forward(y_hat, y, training=True)
        self.model.backward()
        self.optimizer.step()
        return losses

    def _replay(self, x: Any, y: Any) -> Any:
        step: Any = self._compiled
        with warnings.catch_warnings():
            warnings.simplefilter("error", NotCompiledWarning)
            try:
                losses = step(x, y)
            except NotCompiledWarning as why:
                raise _refusal(str(why).partition(" (pass ")[0]) from why
        if step.refused is not None:
            raise _refusal(step.refused)
        return losses

    def _note_state(self) -> None:
        for name, p in reversed(self.model.named_parameters().items()):
            self._note(f"gradient of {name}", p.grad)
        for name, slot in self.optimizer.state().arrays.items():
            self._note(f"slot {name}", slot)
        for name, p in self.model.named_parameters().items():
            self._note(f"value of {name}", p.value)
        for name, b in self.model.named_buffers().items():
            self._note(f"buffer {name}", b.value)

    def _note(self, name: str, array: Any) -> None:
        if array is not None:  # a copy: what a compiled step gives is overwritten by the next
            name = f"step {self.n_steps}: {name}"
            self.tensors[name] = self._copy(name, array)

    def _copy(self, name: str, array: Any) -> np.ndarray:
        return np.array(self.where.host(name, array))


def _refusal(why: str) -> NotCompiledError | WrongPlanError:
    """Tell a network that cannot be compiled from one that was, and wrongly."""
    was_wrong = "verification failed" in why or "was rejected" in why
    return WrongPlanError(why) if was_wrong else NotCompiledError(why)


def _record_outputs(model: Any, note: Callable[[str, Any], None]) -> None:
    """Let every layer that holds no other tell its outputs."""
    parts = {name: part for name, part in model.named_parts().items() if isinstance(part, Layer)}
    for name, part in parts.items():
        if not any(other.startswith(f"{name}.") or not name for other in parts if other != name):
            vars(part)["forward"] = _recorded(part.forward, f"forward of {name}", note)


def _recorded(
    forward: Callable[..., Any], name: str, note: Callable[[str, Any], None]
) -> Callable[..., Any]:
    def recorded(*args: Any, **options: Any) -> Any:
        y = forward(*args, **options)
        note(name, y)
        return y

    return recorded
