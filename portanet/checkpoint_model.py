"""A model from a checkpoint alone: its architecture, and the arrays beside it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from portanet.architecture import VERSION, Names, rebuild
from portanet.backends import get
from portanet.checkpoint_file import FilePath, read
from portanet.checkpoint_header import parsed
from portanet.checks import is_float
from portanet.errors import CheckpointError, short
from portanet.layer import Part
from portanet.part import own_dtype_on

_WHO = "load_model"


def load_model(
    path: FilePath,
    *,
    backend: str | None = None,
    device: Any = None,
    own: Iterable[Callable[..., Any]] | Mapping[str, Callable[..., Any]] = (),
) -> Any:
    """Return the model that `save` has written, made anew from the file, with its loss.

    It lies on `backend` (and `device`), NumPy unless given, in the dtypes of the file. Training
    goes on from it: `load(path, model, optimizer, trainer=trainer)` gives an optimizer and a
    trainer of this model the states that were saved with it.

    `own` are the layers, losses and functions of your own that the model is made of, found by their
    names; or a dict of them by the names that they had. No others are called, and nothing is
    imported: a file holds names of public classes and of these, and arguments. Constructors are
    called with the arguments that they had, and initializers give zeros, as the numbers come from
    the file. Streams of random numbers stay where they are.

    Raises CheckpointError if the file is damaged; if it has no architecture (files of earlier
    versions, and models with arguments that no file can hold: the message says which); or if `own`
    lacks something. OSError if it cannot be read, MissingBackendError if the backend cannot run
    here, DtypeError if the device lacks a dtype.

    >>> import tempfile
    >>> from portanet import MSE, Linear, ReLU, Sequential, save
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> save(path, Sequential([Linear(4, 8), ReLU(), Linear(8, 1)], MSE()))
    >>> load_model(path)
    Sequential([Linear(4, 8), ReLU(), Linear(8, 1)], MSE())
    """
    names = Names(_WHO, own)
    target = get(backend or "numpy", device)
    content = read(path, _WHO)
    arrays = {n[len("model/") :]: a for n, a in content.arrays.items() if n.startswith("model/")}
    try:
        architecture = _architecture(content.architecture)
        model = rebuild(architecture, names, arrays)
        _check_fit(model, arrays)
    except CheckpointError as error:
        raise CheckpointError(
            f"{_WHO}: {path} cannot be made a model of: {error}"
            + ("" if "load_model(path, own=" in str(error) else f"; {_ADVICE}")
        ) from error
    for dtype in {own_dtype_on(target, a) for a in arrays.values()} | {architecture["dtype"]}:
        target.dtype(dtype)  # raises before anything has moved
    model.fill(arrays, target, architecture["dtype"])
    return model


_ADVICE = "make the model as it was made, and use portanet.load(path, model)"


def _architecture(text: str | None) -> dict[str, Any]:
    """Return a file's architecture. Raises CheckpointError if there is none, or of another kind."""
    if text is None:
        raise CheckpointError("it has no architecture, as files of earlier versions")
    architecture = parsed("architecture", text)
    if not isinstance(architecture, dict) or type(architecture.get("version")) is not int:
        raise CheckpointError(f"its architecture must have a version, is {short(architecture)}")
    if architecture["version"] != VERSION:
        raise CheckpointError(
            f"its architecture must be of version {VERSION}, is of {short(architecture['version'])}"
        )
    if "not_described" in architecture:
        raise CheckpointError(
            f"it has no architecture, as {short_text(architecture['not_described'])}"
        )
    return architecture


def short_text(value: Any) -> str:
    """Return a text of a file, cut after 200 characters."""
    return value[:200] if isinstance(value, str) else short(value)


def _check_fit(model: Part, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise CheckpointError unless a model has the file's arrays: by name, shape and kind."""
    holders = {**model.named_parameters(), **model.named_buffers()}
    faults = [f"{name} is in the model only" for name in holders if name not in arrays]
    faults += [f"{short(name)} is in the file only" for name in arrays if name not in holders]
    for name in holders.keys() & arrays.keys():
        new, array = holders[name].peek(), arrays[name]
        if tuple(new.shape) != array.shape or is_float(new) != is_float(array):
            faults.append(f"{name} is {array.dtype} {array.shape} in the file, {new.shape} made")
    if faults:
        raise CheckpointError(f"its arrays do not fit its architecture: {'; '.join(faults[:5])}")
