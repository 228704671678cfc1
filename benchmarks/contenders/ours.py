"""portanet: the readable step, and the compiled one with and without numba and MKL."""

import inspect
from typing import Any

import portanet
from benchmarks.contenders import Contender, Data, Epoch, Step, UnsupportedError
from benchmarks.networks import Network, batches, model
from portanet import DataLoader, Dataset, Optimizer, Sequential, Trainer
from portanet.checks import values_trusted

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
            with values_trusted():  # as Trainer.train does: the data were looked at once
                return step(*parts[i % len(parts)])

        return trusted

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        return epochs_of(trainer(network, train, val, compile=False))


class Compiled(Contender):
    """portanet.compile_step, with some of its options."""

    def __init__(self, name: str, **options: Any) -> None:
        self.name, self.options = name, options

    def make(self, network: Network, data: Data) -> Step:
        parts = batches(network, *data)
        trial = self.compiled(network)
        for _ in range(STEPS_TO_PLAN):
            trial(*parts[0])
        if trial.refused:
            raise UnsupportedError(f"not compiled: {trial.refused}")
        step = self.compiled(network)
        return lambda i: step(*parts[i % len(parts)])

    def compiled(self, network: Network) -> Any:
        """Return the compiled step of a new network."""
        net = model(network)
        return self.compile(net, optimizer_for(network, net))

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        if "compile" not in inspect.signature(Trainer).parameters:
            raise UnsupportedError("not built yet: Trainer has no compile=")
        return epochs_of(trainer(network, train, val, compile=True))

    def compile(self, net: Sequential, optimizer: Optimizer) -> Any:
        """Return the compiled step. Raises UnsupportedError where this portanet has none."""
        if not hasattr(portanet, "compile_step"):
            raise UnsupportedError("not built yet: there is no portanet.compile_step")
        known = inspect.signature(portanet.compile_step).parameters
        for option in self.options:
            if option not in known:
                raise UnsupportedError(f"not built yet: portanet.compile_step has no {option}=")
        return portanet.compile_step(net, optimizer, **self.options)


def trainer(network: Network, train: Data, val: Data | None = None, **options: Any) -> Trainer:
    """Return a Trainer of the network. compile= is dropped where this portanet has no compiler."""
    if "compile" not in inspect.signature(Trainer).parameters:
        options = {}
    net = model(network)
    train_dl = DataLoader(Dataset(*train), network.batch, shuffle=True)
    val_dl = None if val is None else DataLoader(Dataset(*val), network.batch)
    return Trainer(
        net, optimizer_for(network, net), train_dl, val_dl, metric=portanet.accuracy, **options
    )


def epochs_of(of: Trainer) -> Epoch:
    """Return epoch(i), which trains for one."""

    def epoch(i: int) -> list[float]:  # noqa: ARG001
        of.train(1, log_level=0)
        return list(of.history[-1].values())

    return epoch


COMPILED = [
    Compiled("portanet, compiled"),
    Compiled("portanet, compiled, without MKL", mkl=False),
    Compiled("portanet, compiled, without numba", fast=False),
]
