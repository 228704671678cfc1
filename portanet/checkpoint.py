"""Checkpoints: a model, its optimizer and whatever else has a state, in one safetensors file.

The arrays lie in the file as host arrays under "model/…", "optimizer/…" and the names of the other
parts; the numbers are JSON in the file's metadata. A file knows no backend and runs no code: what
a GPU has written opens on a laptop, and in anything else that reads safetensors.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from portanet._version import __version__
from portanet.backends import backend_of, get
from portanet.checks import dtype_name
from portanet.errors import ArgumentError, DataError
from portanet.layer import Buffer, Parameter, Part, moved
from portanet.state import State, Stateful
from portanet.typing import Array

FORMAT = "portanet checkpoint 1"


def save(
    path: str | os.PathLike[str],
    model: Part,
    optimizer: Stateful | None = None,
    extra: Any = None,
    **parts: Stateful,
) -> None:
    """Write the model's parameters and buffers, and the states of the optimizer and other parts.

    A part is anything with `state()` and `load_state(state)`, under a name of your choice:
    `save("run.safetensors", model, optimizer, ema=ema)`. `extra` is anything that JSON can hold,
    for `load` to return. The file replaces an older one only once it is complete.

    Raises ArgumentError if something has no state to save, or if JSON cannot hold extra;
    FileNotFoundError if there is no such folder.

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
    from safetensors.numpy import save_file

    parts = _all_parts("save", model, optimizer, parts)
    states = {name: part.state() for name, part in parts.items()}
    arrays = {f"model/{name}": holder.value for name, holder in _held(model).items()}
    for part, state in states.items():
        arrays |= {f"{part}/{name}": array for name, array in state.arrays.items()}
    numbers = json.dumps({name: state.numbers for name, state in states.items()})
    metadata = {"format": FORMAT, "portanet": __version__, "numbers": numbers}
    metadata["extra"] = _json(extra)
    _check_folder(path)
    partial = f"{os.fspath(path)}.partial"
    save_file({name: _on_host(array) for name, array in arrays.items()}, partial, metadata)
    os.replace(partial, path)


def load(
    path: str | os.PathLike[str],
    model: Part,
    optimizer: Stateful | None = None,
    **parts: Stateful,
) -> Any:
    """Read what `save` has written into a model, an optimizer and parts made like the saved ones.

    Returns the `extra` that was saved, None if there was none.

    The arrays go to where the model lies. Its dtype must be the file's: `model.to(dtype=…)` first.
    Parts of the file that are not asked for are left; without an optimizer this reads weights only.
    The model changes last, when all else has fitted.

    Raises ArgumentError with the names of everything that is missing, unexpected or of another
    shape or dtype; DataError if the file is no checkpoint; FileNotFoundError if there is none.
    """
    parts = _all_parts("load", model, optimizer, parts)
    arrays, metadata = _read(path)
    numbers: dict[str, dict[str, Any]] = json.loads(metadata["numbers"])
    of_part: dict[str, dict[str, Array]] = {"model": {}, **{name: {} for name in numbers}}
    for name, array in arrays.items():
        part, _, key = name.partition("/")
        of_part.setdefault(part, {})[key] = array
    missing = sorted(set(parts) - set(numbers))
    if missing:
        raise ArgumentError(
            f"load: {path} has no {', '.join(missing)}; it has {', '.join(sorted(of_part))}"
        )
    held = _held(model)
    _check_fit(path, of_part["model"], held)
    for name, part in parts.items():
        part.load_state(State(of_part[name], numbers[name]))
    for name, holder in held.items():
        holder.value = _put(of_part["model"][name], holder.value)
        if isinstance(holder, Parameter):
            holder.grad = None
    return json.loads(metadata.get("extra", "null"))


def _check_folder(path: str | os.PathLike[str]) -> None:
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"save: there is no folder {folder}; make it first")


def _json(extra: Any) -> str:
    try:
        return json.dumps(extra)
    except TypeError as error:
        raise ArgumentError(
            f"save: extra must be what JSON can hold (numbers, text, lists, dicts): {error}; an "
            "object with state() and load_state(state) is saved as a part, name=object"
        ) from error


def _all_parts(
    who: str, model: Any, optimizer: Stateful | None, parts: Mapping[str, Stateful]
) -> dict[str, Stateful]:
    if not isinstance(model, Part):
        raise ArgumentError(
            f"{who}: model must be a network such as Sequential([...], loss), is {model!r}"
        )
    found = {**({} if optimizer is None else {"optimizer": optimizer}), **parts}
    for name, part in found.items():
        if not isinstance(part, Stateful):
            raise ArgumentError(
                f"{who}: {name} must have state() and load_state(state), is {part!r}"
            )
    return found


def _held(model: Part) -> dict[str, Parameter | Buffer]:
    """Return everything of a model that holds an array, by name."""
    return {**model.named_parameters(), **model.named_buffers()}


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """Return a file's arrays, on the host, and its metadata."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"load: there is no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DataError(f"load: {path} is not a complete safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise DataError(
            f"load: {path} must be a {FORMAT!r}, is {metadata.get('format', 'some other file')!r}"
        )
    return arrays, metadata


def _check_fit(
    path: str | os.PathLike[str],
    arrays: Mapping[str, Array],
    held: Mapping[str, Parameter | Buffer],
) -> None:
    """Raise ArgumentError with everything in which a file and a model differ."""
    faults = [f"missing {name}" for name in held if name not in arrays]
    faults += [f"unexpected {name}" for name in arrays if name not in held]
    for name in held.keys() & arrays.keys():
        wanted, came = _form(held[name].value), _form(arrays[name])
        if came != wanted:
            faults.append(f"{name} is {came} in the file, {wanted} in the model")
    if faults:
        raise ArgumentError(f"load: {path} does not fit this model: {'; '.join(sorted(faults))}")


def _form(array: Array) -> str:
    return f"{dtype_name(array.dtype)} {tuple(array.shape)}"


def _put(array: Array, like: Array) -> Array:
    """Return a host array where `like` lies."""
    return moved(array, backend_of(like), dtype_name(like.dtype))


def _on_host(array: Array) -> Array:
    """Return an array as a NumPy array in C order, as the format wants it."""
    backend = backend_of(array)
    return np.array(array if backend is get("numpy") else backend.to_numpy(array), order="C")
