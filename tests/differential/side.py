"""One run of a program: the model, the optimizer and what takes the steps."""

from pathlib import Path
from typing import Any

import numpy as np

import portanet
from differential import losses, networks, rules, world
from differential.program import Program
from differential.trainers import DATASETS, LOADERS, TRAINERS, mean_prediction
from portanet import Trainer, compile_step

N_SAMPLES = 11  # of a data set: the last batch is short


class Readable:
    """The step as it is written, with the attributes of a compiled one."""

    def __init__(self, model: Any, optimizer: Any) -> None:
        self.model, self.optimizer = model, optimizer

    def __call__(self, x: Any, y: Any) -> Any:
        return Trainer.step(self, x, y)  # pyright: ignore[reportArgumentType]


class Side:
    """The compiled run of a program, or the readable one.

    `resolved` are the interrupted actions' outcomes, which the compiled run finds and the readable
    one is told. `perturbed` is how far, relative to themselves, the first weights are moved.
    """

    def __init__(
        self, program: Program, *, compiled: bool, resolved: Any = None, perturbed: float = 0.0
    ) -> None:
        self.program, self.compiled = program, compiled
        self.resolved: dict[int, Any] = {} if resolved is None else resolved
        self.most = networks.most_samples((program.front, *program.middle))
        self.pure = networks.pure(program)
        self.kept: list[Any] = []
        self.spare: Any = None  # a copy of the bundle, to go on with later
        self.other: Any = None  # a step of another network
        self.second: Any = None  # another step of the same network
        self.ema: Any = None
        self.states: list[Any] = []  # snapshots
        self.n_saved = 0
        self.over = False  # does the program end here?
        self.torn = False  # was the last step interrupted? Then gradients may be of either step
        self.n_drawn = self.at = 0
        world.reset(program.seed)
        self.model, self.makers = networks.build(program)
        self._perturb(perturbed)
        self.optimizer = rules.make(program.rule, self.model, program.rate, program.options)
        self.trainer = None if program.way == "step" else self.make_trainer()
        self.take: Any = self.make_step(self.model, self.optimizer)

    @property
    def path(self) -> Path:
        return Path(world.FOLDER) / f"{'compiled' if self.compiled else 'readable'}.safetensors"

    @property
    def parameters(self) -> list[Any]:
        return self.model.parameters()

    def make_step(self, model: Any, optimizer: Any) -> Any:
        """Return what takes a step with a batch."""
        if not self.compiled or self.program.way != "step":
            return Readable(model, optimizer)
        return self.compile(model, optimizer)

    def make_trainer(self) -> Trainer:
        """Return a trainer of the program's way."""
        cls = TRAINERS.get(self.program.way, Trainer)
        loaders = self.make_loader(4, self.program.shuffle), self.make_loader(5)
        trainer = cls(
            self.model, self.optimizer, *loaders, metric=mean_prediction, compile=self.compiled
        )
        if self.compiled:
            trainer.compiled = self.compile(self.model, self.optimizer)
        return trainer

    def compile(self, model: Any, optimizer: Any) -> Any:
        """Return a compiled step with the program's options."""
        return compile_step(model, optimizer, fuse=self.program.fuse, fast=self.program.fast)

    def make_loader(self, batch_size: int, shuffle: bool = False, n: int = N_SAMPLES) -> Any:
        """Return a loader of new data."""
        x, y = self.data(n)
        data = DATASETS.get(self.program.way, portanet.Dataset)(x, y)
        cls = LOADERS.get(self.program.way, portanet.DataLoader)
        loader = cls(data, min(batch_size, self.most), shuffle, seed=self.program.seed)
        loader.model = self.model  # which a user's loader looks at
        return loader

    def data(self, n: int) -> tuple[Any, Any]:
        """Return n new inputs and targets, in float64 or integers."""
        rng = np.random.default_rng([self.program.seed, self.n_drawn])
        self.n_drawn += 1
        x = networks.inputs(self.program.front, n, rng)
        return x, losses.targets(self.program.loss, n, rng)

    def batch(self, n: int) -> tuple[Any, Any]:
        """Return a new batch, in the model's dtype, on the host."""
        x, y = self.data(min(n, self.most))
        dtype = self.model.dtype
        return tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in (x, y))  # type: ignore

    def here(self, *arrays: Any) -> list[Any]:
        """Return host arrays where the model lies."""
        backend = self.model.backend
        return [a if backend.name == "numpy" else backend.asarray(a) for a in arrays]

    def bundle(self) -> tuple[Any, ...]:
        """Return all that is copied together."""
        return self.model, self.optimizer, self.take, self.trainer, self.torn

    def adopt(self, bundle: tuple[Any, ...]) -> None:
        """Go on with another bundle."""
        self.model, self.optimizer, self.take, self.trainer, self.torn = bundle

    def _perturb(self, by: float) -> None:
        rng = np.random.default_rng(7)
        for p in self.parameters if by else ():
            noise = 1 + by * rng.choice([-1, 1], p.value.shape)
            p.value = p.value * self.model.backend.asarray(noise, self.program.dtype)
