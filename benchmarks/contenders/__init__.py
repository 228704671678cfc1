"""What a contender is, and all of them.

A contender has a name and `make(network, data)`, which returns `step(i)`: one training step on the
i-th batch (they are gone round in). The data lie where the contender wants them before the clock
starts. step returns the losses, or None where the peer keeps them to itself; `wait` waits until
what it returned is there. All start from the same weights, and steps.py compares the losses.

`make_epoch(network, train, val)`, where a contender has it, returns `epoch(i)`: shuffle, train on
every batch, validate; it returns the mean loss, the mean validation loss and the accuracy, on the
host, written as the users of each library write it.

make raises NotInstalledError if the peer is missing, UnsupportedError if it does not do this network; both
are printed and stand in the tables, so nothing is left out in silence.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.networks import Network

Step = Callable[[int], Any]
Epoch = Callable[[int], list[float]]
Data = tuple[Any, Any]


class NotInstalledError(RuntimeError):
    """The peer is not here. The message says what is missing."""


class UnsupportedError(RuntimeError):
    """The peer does not do this network, or not on this machine. The message says why."""


class Contender:
    """A way to train a network."""

    name: str

    def make(self, network: Network, data: Data) -> Step:
        """Return step(i)."""
        raise NotImplementedError

    def make_cold(self, network: Network, data: Data) -> Step:
        """Return step(i), when nothing of its kind has been tried before in the process."""
        return self.make(network, data)

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        """Return epoch(i). Only contenders that epochs.py names have it."""
        raise NotImplementedError

    def wait(self, result: Any) -> None:
        """Wait until what a step returned is there."""


def require(module: str) -> Any:
    """Return an imported module. Raises NotInstalledError if there is none."""
    try:
        return import_module(module)
    except ImportError as error:
        raise NotInstalledError(f"not installed ({error})") from error


def all_contenders() -> list[Contender]:
    """Return every contender, in the order of the tables."""
    from benchmarks.contenders.floor import FLOORS
    from benchmarks.contenders.jax_jit import JaxJit, JaxWaiting
    from benchmarks.contenders.numpy_blog import NumpyBlog
    from benchmarks.contenders.ours import COMPILED, Readable
    from benchmarks.contenders.pytorch import PyTorch, PyTorchAdamAsItComes, PyTorchCompiled
    from benchmarks.contenders.sklearn_mlp import SklearnMLP
    from benchmarks.contenders.thinc_chain import ThincChain

    peers = [
        PyTorch(),
        PyTorchAdamAsItComes(),
        PyTorchCompiled(),
        JaxJit(),
        JaxWaiting(),
        SklearnMLP(),
        ThincChain(),
        NumpyBlog(),
    ]
    return [*FLOORS, *COMPILED, Readable(), *peers]
