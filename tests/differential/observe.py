"""What can be seen of a run: arrays are copied, everything else is put into a form to compare."""

import random
from functools import partial
from typing import Any

import numpy as np

from differential import world
from portanet.layer import Buffer, Parameter, Part

_DEEP = 5
_LEFT_OUT = {"key", "layers", "criterion"}  # parts and streams are looked at by themselves
_STREAMS = {
    np.random.Generator: lambda stream: repr(stream.bit_generator.state["state"]),
    np.random.RandomState: lambda stream: stream.get_state()[2],
    random.Random: lambda stream: hash(stream.getstate()),
}


def look(side: Any) -> dict[str, Any]:
    """Return everything that a user can see, by name."""
    model, optimizer = side.model, side.optimizer
    seen: dict[str, Any] = {"n_steps": (optimizer.n_steps, optimizer.n_accumulated)}
    for name, p in model.named_parameters().items():
        seen[f"values.{name}"] = plain(p.value)
        if not side.torn:
            seen[f"grads.{name}"] = plain(p.grad)
        seen[f"trainable.{name}"] = p.trainable
    for name, b in model.named_buffers().items():
        seen[f"buffers.{name}"] = plain(b.value)
    state = optimizer.state()
    seen |= {f"slots.{name}": plain(array) for name, array in state.arrays.items()}
    seen["numbers"] = plain(state.numbers)
    for name, part in model.named_parts().items() if not side.torn else ():
        seen |= {f"attributes.{name}.{k}": v for k, v in attributes(part).items()}
    if side.trainer is not None:
        seen["history"] = plain(side.trainer.history)
        seen["trainer"] = getattr(side.trainer, "calls", None)
    seen["kept"] = plain(side.kept)
    return seen | world.state()


def attributes(part: Part) -> dict[str, Any]:
    """Return a part's public attributes, but for other parts and parameters."""
    return {
        name: plain(value)
        for name, value in vars(part).items()
        if not name.startswith("_") and name not in _LEFT_OUT
    }


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value in a form that can be compared, and that later steps cannot change."""
    inside = partial(plain, depth=depth + 1)
    if depth > _DEEP or isinstance(value, Part | Parameter | Buffer):
        return type(value).__name__
    if isinstance(value, dict):
        return {key: inside(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [inside(item) for item in value]
    for kind, stream_state in _STREAMS.items():
        if isinstance(value, kind):
            return stream_state(value)
    if hasattr(value, "__array_namespace__") or isinstance(value, np.ndarray | np.generic):
        return as_numpy(value)
    if isinstance(value, bool | int | float | str | type(None)):
        return value
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    held = getattr(value, "__dict__", None)
    return {type(value).__name__: inside(held)} if held else type(value).__name__


def as_numpy(array: Any) -> Any:
    """Return a copy on the host; of what is none of a backend's arrays, its class."""
    from portanet import backend_of

    if isinstance(array, np.ndarray | np.generic):
        return np.array(array) if array.dtype.kind in "biuf" else repr(array)
    try:
        return np.array(backend_of(array).to_numpy(array))
    except Exception:  # noqa: BLE001 - a tracer that was left behind, for example
        return f"no array: {type(array).__name__}"
