"""Checkpoints: a model, its optimizer and other objects with a state, in one safetensors file.

The file holds host arrays under "model/…", "optimizer/…" and the names of other parts, and numbers
as JSON in its metadata. It contains no backend and no code: a file written on a GPU can be loaded
on a machine without one, and by any other program that reads safetensors.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from portanet.architecture import describe
from portanet.backends import backend_of, get
from portanet.checkpoint_file import FilePath, check_target, read, write
from portanet.checkpoint_fit import fit_of, refuse_differences
from portanet.checks import dtype_name, short
from portanet.errors import (
    ArgumentError,
    CheckpointError,
    DataError,
    DtypeError,
    PortanetError,
    ShapeError,
)
from portanet.layer import Parameter, Part, moved
from portanet.snapshot import named_holders
from portanet.state import State, Stateful, is_stateful
from portanet.typing import Array


def save(
    path: str | os.PathLike[str],
    model: Part,
    optimizer: Stateful | None = None,
    extra: Any = None,
    **parts: Stateful,
) -> None:
    """Write a model's parameters and buffers, how it is made, and the states of other parts.

    A part is anything with `state()` and `load_state(state)`, under a name of your choice:
    `save("run.safetensors", model, optimizer, ema=ema)`. `extra` is anything that JSON can hold
    and is returned by `load`. An older file is replaced only once the new one is complete; of a
    symbolic link the file behind it is replaced.

    Raises ArgumentError if a part has no state or an invalid name, or if JSON cannot hold extra;
    OSError if the file cannot be written, such as FileNotFoundError if there is no such folder.

    >>> import tempfile
    >>> from portanet import SGD, Linear
    >>> layer, path = Linear(2, 1), tempfile.mkdtemp() + "/run.safetensors"
    >>> optimizer = SGD(layer, lr=0.1, momentum=0.9)
    >>> save(path, layer, optimizer, extra={"epoch": 3})
    >>> other = Linear(2, 1)
    >>> load(path, other, SGD(other, lr=0.1, momentum=0.9))
    {'epoch': 3}
    >>> bool((other.weights.value == layer.weights.value).all())
    True
    """
    parts = _all_parts("save", model, optimizer, parts)
    check_target(path)
    states = {name: part.state() for name, part in parts.items()}
    arrays = {f"model/{name}": holder.value for name, holder in named_holders(model).items()}
    for part, state in states.items():
        arrays |= {f"{part}/{name}": array for name, array in state.arrays.items()}
    numbers = {name: state.numbers for name, state in states.items()}
    host = {name: _on_host(array) for name, array in arrays.items()}
    write(path, host, numbers, extra, describe(model))


def load(
    path: str | os.PathLike[str],
    model: Part,
    optimizer: Stateful | None = None,
    *,
    strict: bool = True,
    **parts: Stateful,
) -> Any:
    """Load what `save` has written into a model, an optimizer and parts made like the saved ones.

    Returns the `extra` that was saved, None if there was none.

    The arrays are moved to the model's device. Its dtype must be the file's: convert the model with
    `model.to(dtype=…)` first. Parts of the file that are not passed are ignored; without an
    optimizer this loads weights only. If it raises, nothing has changed.

    With strict=False the model need not be the saved one: arrays with the file's name and shape are
    loaded, others keep their values, and a LoadReport says which, with `extra` in it. So a new head
    gets an old body; an optimizer starts anew with it, as the state of the old one does not fit.

    Raises CheckpointError, which is an ArgumentError and a DataError, if the file is damaged or not
    a checkpoint, or if it does not fit: with the names of everything that is missing, unexpected or
    of another shape or dtype (strict=False: if a dtype differs, or nothing fits). OSError, with the
    path, if the file cannot be read, such as FileNotFoundError if there is none.

    >>> import tempfile
    >>> from portanet import Linear, ReLU, Sequential
    >>> path = tempfile.mkdtemp() + "/old.safetensors"
    >>> save(path, Sequential([Linear(4, 8), ReLU(), Linear(8, 3)]))
    >>> load(path, Sequential([Linear(4, 8), ReLU(), Linear(8, 5)]), strict=False)
    LoadReport(2 arrays loaded; other shapes: layers.2.weights, layers.2.bias)
    """
    parts = _all_parts("load", model, optimizer, parts)
    arrays, numbers, extra, _ = read(path)
    of_part: dict[str, dict[str, Array]] = {"model": {}, **{name: {} for name in numbers}}
    for name, array in arrays.items():
        part, _, key = name.partition("/")
        of_part.setdefault(part, {})[key] = array
    missing = sorted(set(parts) - set(numbers))
    if missing:
        raise CheckpointError(
            f"load: {path} has no {', '.join(missing)}; it has {', '.join(sorted(of_part))}; load "
            "without it, or save it, too"
        )
    held = named_holders(model)
    report = fit_of(path, of_part["model"], held, extra)
    if strict and not report.complete:
        refuse_differences(path, report, of_part["model"], held)
    values = {name: _put(of_part["model"][name], held[name].peek()) for name in report.loaded}
    _load_parts(path, parts, {name: State(of_part[name], numbers[name]) for name in parts})
    for name, value in values.items():
        held[name].value = value
        if isinstance(holder := held[name], Parameter):
            holder.grad = None
    return extra if strict else report


def _load_parts(path: FilePath, parts: Mapping[str, Stateful], states: dict[str, State]) -> None:
    """Load the states of all parts, or of none: one that does not fit restores the others."""
    before = {name: part.state() for name, part in parts.items()}
    try:
        for name, part in parts.items():
            _load_part(path, name, part, states[name])
    except BaseException:
        for name, part in parts.items():
            part.load_state(before[name])
        raise


def _load_part(path: FilePath, name: str, part: Stateful, state: State) -> None:
    try:
        part.load_state(state)
    except (ArgumentError, DataError, DtypeError, ShapeError) as error:
        raise CheckpointError(f"load: {path} does not fit {name}: {error}") from error
    except PortanetError as error:
        error.add_note(f"This was raised while loading {name} from {path}.")
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"load: {path}: the state of {name} is damaged, or of another version of portanet: "
            f"{type(error).__name__}: {error}"
        ) from error


def _all_parts(
    who: str, model: Any, optimizer: Stateful | None, parts: Mapping[str, Stateful]
) -> dict[str, Stateful]:
    if not isinstance(model, Part):
        raise ArgumentError(
            f"{who}: model must be a network such as Sequential([...], loss), is {short(model)}; "
            f"write portanet.{who}(path, model)"
        )
    found = {**({} if optimizer is None else {"optimizer": optimizer}), **parts}
    for name, part in found.items():
        if not is_stateful(part):
            raise ArgumentError(
                f"{who}: {name} must have state() and load_state(state), is {short(part)}"
            )
        if not name or "/" in name:
            raise ArgumentError(
                f"{who}: the name of a part must be without '/', which separates it from the names "
                f"of its arrays, and not empty; is {short(name)}"
            )
    return found


def _put(array: Array, like: Array) -> Array:
    """Return a host array on the device of `like`."""
    return moved(array, backend_of(like), dtype_name(like.dtype))


def _on_host(array: Array) -> Array:
    """Return an array as a NumPy array in C order, which the format needs."""
    backend = backend_of(array)
    return np.array(array if backend is get("numpy") else backend.to_numpy(array), order="C")
