"""Snapshot: a copy of a model's parameters and buffers, to go back to."""

from dataclasses import dataclass
from typing import Any

from portanet.backends import backend_of
from portanet.checks import dtype_name
from portanet.errors import ArgumentError
from portanet.parameter import Buffer, Parameter, TrainingBuffer
from portanet.typing import Array


@dataclass(frozen=True)
class Snapshot:
    """Copies of a model's arrays, by name, on the device where they were taken.

    A pickle of it has them as arrays of NumPy's, to be opened where there is no such device.
    """

    arrays: dict[str, Array]

    def __getstate__(self) -> dict[str, Any]:
        return {"arrays": {name: backend_of(x).to_numpy(x) for name, x in self.arrays.items()}}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Snapshot":
        return Snapshot({name: _copy(array) for name, array in self.arrays.items()})

    def __repr__(self) -> str:
        return f"Snapshot({len(self.arrays)} arrays)"


def take_snapshot(model: Any) -> Snapshot:
    """Return copies of the parameters and buffers of a model, on its device."""
    return Snapshot({name: _copy(holder.peek()) for name, holder in named_holders(model).items()})


def restore_snapshot(model: Any, snapshot: Any) -> None:
    """Give a model the arrays of a snapshot; gradients are dropped.

    The arrays are copied, and follow the model to the backend and dtype that it has now. Raises
    ArgumentError, before anything changes, unless the snapshot is of such a model.
    """
    who = f"{type(model).__name__}.restore"
    if not isinstance(snapshot, Snapshot):
        raise ArgumentError(
            f"{who}: snapshot must be what snapshot() returned, is {type(snapshot).__name__}"
        )
    holders = named_holders(model)
    faults = _faults(snapshot.arrays, holders)
    if faults:
        raise ArgumentError(
            f"{who}: the snapshot must be of a model with the same parameters and buffers: "
            f"{'; '.join(faults)}"
        )
    values = {name: _beside(snapshot.arrays[name], h.peek()) for name, h in holders.items()}
    for name, holder in holders.items():
        holder.value = values[name]
    for parameter in model.parameters():
        parameter.grad = None


def named_holders(model: Any) -> dict[str, Parameter | Buffer]:
    """Return the parameters and buffers of a model by name, without what belongs to training."""
    held = {**model.named_parameters(), **model.named_buffers()}
    return {name: one for name, one in held.items() if not isinstance(one, TrainingBuffer)}


def _faults(arrays: dict[str, Array], holders: dict[str, Any]) -> list[str]:
    """Return in which names and shapes a snapshot and a model differ; the first few of them."""
    faults = [f"it lacks {name}" for name in holders if name not in arrays]
    faults += [f"the model lacks {name}" for name in arrays if name not in holders]
    for name in holders.keys() & arrays.keys():
        came, wanted = tuple(arrays[name].shape), tuple(holders[name].peek().shape)
        if came != wanted:
            faults.append(f"{name} is {came}, in the model {wanted}")
    shown = sorted(faults)[:4]
    return shown + ([f"and {len(faults) - 4} more"] if len(faults) > 4 else [])


def _copy(array: Array) -> Array:
    return backend_of(array).xp.asarray(array, copy=True)


def _beside(array: Array, value: Array) -> Array:
    """Return a copy of an array where a value lies, in its dtype."""
    here, there = backend_of(array), backend_of(value)
    if here is not there:
        array = here.to_numpy(array)
    return there.xp.asarray(there.asarray(array, dtype_name(value.dtype)), copy=True)
