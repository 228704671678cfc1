"""How far loaders and layers have drawn their random numbers: what a run needs to go on."""

from typing import Any

from portanet.data import DataLoader
from portanet.errors import ArgumentError
from portanet.random import Key
from portanet.sequential import Sequential


def streams_of(model: Sequential, *loaders: DataLoader | None) -> list[list[Any]]:
    """Return the key of each stream, and how often numbers have been drawn from it."""
    return [[*owner.key, getattr(owner, count)] for owner, count in _owners(model, loaders)]


def set_streams(streams: list[list[Any]], model: Sequential, *loaders: DataLoader | None) -> None:
    """Let loaders and layers go on from what streams_of has returned.

    Raises ArgumentError, before anything changes, if these are the streams of other parts.
    """
    owners = _owners(model, loaders)
    if len(streams) != len(owners):
        raise ArgumentError(
            f"Trainer.load_state: the state must be of a trainer with {len(owners)} loaders and "
            f"layers that draw numbers, is of {len(streams)}"
        )
    for (owner, count), (*key, n_drawn) in zip(owners, streams, strict=True):
        owner.key = Key(*key)
        setattr(owner, count, n_drawn)


def _owners(model: Sequential, loaders: Any) -> list[tuple[Any, str]]:
    """Return the owners of streams, and the name of the attribute that counts the draws."""
    parts = model.named_parts().values()
    layers = [(p, "step") for p in parts if isinstance(getattr(p, "key", None), Key)]
    return [(dl, "epoch") for dl in loaders if dl is not None] + layers
