"""How far loaders and layers have drawn their random numbers: what a run needs to go on."""

from typing import Any

from portanet.data import DataLoader
from portanet.errors import CheckpointError, short
from portanet.random import Key
from portanet.sequential import Sequential
from portanet.state import is_count


def streams_of(model: Sequential, *loaders: DataLoader | None) -> list[list[Any]]:
    """Return the key of each stream, and how often numbers have been drawn from it."""
    return [[*owner.key, getattr(owner, count)] for owner, count in _owners(model, loaders)]


def check_streams(streams: list[Any], model: Sequential, *loaders: DataLoader | None) -> None:
    """Raise CheckpointError unless this is what streams_of returns for such parts."""
    n_owners = len(_owners(model, loaders))
    if len(streams) != n_owners:
        raise CheckpointError(
            f"Trainer.load_state: the state must be of a trainer with {n_owners} loaders and "
            f"layers that draw numbers, is of {len(streams)}"
        )
    for stream in streams:
        if not _is_stream(stream):
            raise CheckpointError(
                "Trainer.load_state: streams of the state must be lists of seed, purpose, number "
                f"and count of draws, one is {short(stream)}"
            )


def _is_stream(stream: Any) -> bool:
    if not isinstance(stream, list) or len(stream) != 4:
        return False
    seed, purpose, *counts = stream
    is_seed = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**64
    return is_seed and isinstance(purpose, str) and all(map(is_count, counts))


def set_streams(streams: list[list[Any]], model: Sequential, *loaders: DataLoader | None) -> None:
    """Let loaders and layers go on from what streams_of has returned, which was checked."""
    owners = _owners(model, loaders)
    for (owner, count), (*key, n_drawn) in zip(owners, streams, strict=True):
        owner.key = Key(*key)
        setattr(owner, count, n_drawn)


def _owners(model: Sequential, loaders: Any) -> list[tuple[Any, str]]:
    """Return the owners of streams, and the name of the attribute that counts the draws."""
    parts = model.named_parts().values()
    layers = [(p, "step") for p in parts if isinstance(getattr(p, "key", None), Key)]
    return [(dl, "epoch") for dl in loaders if dl is not None] + layers
