"""portanet: the readable step, and the compiled one with and without LLVM and MKL."""

from typing import Any

import portanet
from benchmarks.contenders import Contender, Data, Epoch, Step, UnsupportedError
from benchmarks.networks import Network, batches, model
from portanet import DataLoader, Dataset, Optimizer, Sequential, Trainer
from portanet.checks import skip_value_checks
from portanet.errors import ArgumentError

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

    fast=True compiles at once, so that no step that is timed is taken by another plan.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name, self.options = name, options

    def make(self, network: Network, data: Data) -> Step:
        plan(self.compiled(network), batches(network, *data)[0])  # a trial
        return self.make_cold(network, data)

    def make_cold(self, network: Network, data: Data) -> Step:
        parts, step = batches(network, *data), self.compiled(network)
        self.step = step
        return lambda i: step(*parts[i % len(parts)])

    def wait(self, result: Any) -> None:  # noqa: ARG002
        refuse(self.step)  # nor may it have gone over to readable steps meanwhile

    def compiled(self, network: Network) -> Any:
        """Return the compiled step of a new network."""
        net = model(network)
        return portanet.compile_step(net, optimizer_for(network, net), **self.options)

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        return epochs_of(trainer(network, train, val, fast=self.options.get("fast")))


def plan(step: Any, batch: Data) -> None:
    """Take the steps that plan and check. Raises UnsupportedError if that cannot be done here."""
    try:
        for _ in range(STEPS_TO_PLAN):
            step(*batch)
    except ArgumentError as error:  # llvmlite or MKL is missing
        raise UnsupportedError(str(error)) from error
    refuse(step)


def refuse(step: Any) -> None:
    """Raise UnsupportedError if a compiled step takes its steps readably, and say why."""
    if step is not None and step.refused:
        raise UnsupportedError(f"not compiled: {step.refused}")


def trainer(network: Network, train: Data, val: Data | None = None, **options: Any) -> Trainer:
    """Return a Trainer of the network, with `compile` or `fast`."""
    net = model(network)
    train_dl = DataLoader(Dataset(*train), network.batch, shuffle=True)
    val_dl = None if val is None else DataLoader(Dataset(*val), network.batch)
    optimizer = optimizer_for(network, net)
    return Trainer(net, optimizer, train_dl, val_dl, metric=portanet.accuracy, **options)


def epochs_of(of: Trainer) -> Epoch:
    """Return epoch(i), which trains for one, and raises UnsupportedError if that is not compiled."""

    def epoch(i: int) -> list[float]:  # noqa: ARG001
        try:
            of.train(1, log_level=0)
        except ArgumentError as error:  # llvmlite is missing
            raise UnsupportedError(str(error)) from error
        refuse(of.compiled)
        return list(of.history[-1].values())

    return epoch


COMPILED = [
    Compiled("portanet, compiled", fast=True),
    Compiled("portanet, compiled, with MKL", fast=True, mkl=True),
    Compiled("portanet, compiled, without LLVM", fast=False),
]
DEFAULT = Compiled("portanet, default")  # compiled by LLVM from a step on that a rule gives
