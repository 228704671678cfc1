"""portanet: the readable step, and the compiled one with and without numba and MKL."""

import inspect
import time
from typing import Any

import portanet
from benchmarks.contenders import Contender, Data, Epoch, Step, UnsupportedError
from benchmarks.networks import Network, batches, model
from portanet import DataLoader, Dataset, Optimizer, Sequential, Trainer
from portanet.checks import skip_value_checks

STEPS_TO_PLAN = 3  # labels are looked at in the first; the second is traced, the third checked


def optimizer_for(network: Network, of: Sequential) -> Optimizer:
    """Return the network's optimizer."""
    return getattr(portanet, network.optimizer)(of, lr=network.lr)


class Readable(Contender):
    """The step as it stands in trainer.py."""

    name = "portanet, readable"

    def make(self, network: Network, data: Data) -> Step:
        step, parts = trainer(network, data, compile=False).step, batches(network, *data)

        def trusted(i: int) -> Any:
            with skip_value_checks():  # as Trainer.train does: the data were looked at once
                return step(*parts[i % len(parts)])

        return trusted

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        return epochs_of(trainer(network, train, val, compile=False))


class Compiled(Contender):
    """portanet.compile_step, with some of its options.

    fast=True has numba from the first step on. Without options it comes in later, once a run has
    lasted long enough: `settle` waits for that.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name, self.options = name, options

    def make(self, network: Network, data: Data) -> Step:
        parts = batches(network, *data)
        trial = self.compiled(network)
        for _ in range(STEPS_TO_PLAN):
            trial(*parts[0])
        refuse(trial)
        step = self.step = self.compiled(network)
        return lambda i: step(*parts[i % len(parts)])

    def wait(self, result: Any) -> None:  # noqa: ARG002
        refuse(self.step)  # nor may it have gone over to readable steps meanwhile

    def compiled(self, network: Network) -> Any:
        """Return the compiled step of a new network."""
        net = model(network)
        return self.compile(net, optimizer_for(network, net))

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        return epochs_of(trainer(network, train, val, compile=True))

    def compile(self, net: Sequential, optimizer: Optimizer) -> Any:
        """Return the compiled step. Raises UnsupportedError if there is no such option."""
        known = inspect.signature(portanet.compile_step).parameters
        for option in self.options:
            if option not in known:
                raise UnsupportedError(f"not built yet: portanet.compile_step has no {option}=")
        return portanet.compile_step(net, optimizer, **self.options)


def refuse(step: Any) -> None:
    """Raise UnsupportedError if a compiled step takes its steps readably, and say why."""
    if step is not None and step.refused:
        raise UnsupportedError(f"not compiled: {step.refused}")


def trainer(network: Network, train: Data, val: Data | None = None, *, compile: bool) -> Trainer:  # noqa: A002
    """Return a Trainer of the network."""
    net = model(network)
    train_dl = DataLoader(Dataset(*train), network.batch, shuffle=True)
    val_dl = None if val is None else DataLoader(Dataset(*val), network.batch)
    optimizer = optimizer_for(network, net)
    return Trainer(net, optimizer, train_dl, val_dl, metric=portanet.accuracy, compile=compile)


def epochs_of(of: Trainer) -> Epoch:
    """Return epoch(i), which trains for one."""

    def epoch(i: int) -> list[float]:  # noqa: ARG001
        of.train(1, log_level=0)
        refuse(of.compiled)
        return list(of.history[-1].values())

    return epoch


def settle(epoch: Epoch, n_steps: int) -> None:
    """Train for two seconds and 130 steps, n_steps an epoch: then the last plan has been made.

    A plan looks every 64 steps whether a second has passed and numba pays.
    """
    start, done = time.perf_counter(), 0
    while done < 130 or time.perf_counter() - start < 2:
        epoch(0)
        done += n_steps


COMPILED = [
    Compiled("portanet, compiled", fast=True),
    Compiled("portanet, compiled, without MKL", fast=True, mkl=False),
    Compiled("portanet, compiled, without numba", fast=False),
]
