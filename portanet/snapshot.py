"""Snapshot: a copy of a model's parameters and buffers, to go back to."""

from collections.abc import Mapping
from typing import Any

from portanet.backends import backend_of
from portanet.buffer import Buffer, TrainingBuffer
from portanet.checks import dtype_name
from portanet.errors import ArgumentError
from portanet.parameter import Holder, Parameter, pieces_of
from portanet.typing import Array


class Snapshot:
    """Copies of a model's arrays, by name, on the device where they were taken.

    Parameters may be given end to end in a `vector`, with their `shapes`; `arrays` then has views
    of it, made when they are wanted. A pickle has arrays of NumPy's, to be opened where there is no
    such device.
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        vector: Array | None = None,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self._arrays, self._vector, self._shapes = arrays, vector, shapes or {}

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays by name: parameters, then buffers."""
        if self._vector is None:
            return dict(self._arrays)
        return pieces_of(self._vector, self._shapes) | dict(self._arrays)

    def __getstate__(self) -> dict[str, Any]:
        on_host = {name: backend_of(x).to_numpy(x) for name, x in self.arrays.items()}
        return {"_arrays": on_host, "_vector": None, "_shapes": {}}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Snapshot":
        return Snapshot({name: _copy(array) for name, array in self.arrays.items()})

    def __repr__(self) -> str:
        return f"Snapshot({len(self._arrays) + len(self._shapes)} arrays)"


def take_snapshot(model: Any) -> Snapshot:
    """Return copies of the parameters and buffers of a model, on its device."""
    return Snapshot(_copies(named_holders(model)))


def snapshot_of_vector(
    vector: Array, shapes: Mapping[str, tuple[int, ...]], buffers: Mapping[str, Buffer]
) -> Snapshot:
    """Return a snapshot of parameters that lie end to end in a vector, and of buffers.

    One copy, and on a device one kernel, however many parameters there are.
    """
    return Snapshot(_copies(_kept(buffers)), _copy(vector), shapes)


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
    arrays = snapshot.arrays
    faults = _faults(arrays, holders)
    if faults:
        raise ArgumentError(
            f"{who}: the snapshot must be of a model with the same parameters and buffers: "
            f"{'; '.join(faults)}"
        )
    values = {name: _beside(arrays[name], h.peek()) for name, h in holders.items()}
    for name, holder in holders.items():
        holder.value = values[name]
    for parameter in model.parameters():
        parameter.grad = None


def named_holders(model: Any) -> dict[str, Parameter | Buffer]:
    """Return the parameters and buffers of a model by name, without what belongs to training."""
    return {**model.named_parameters(), **_kept(model.named_buffers())}


def _kept(buffers: Mapping[str, Buffer]) -> dict[str, Buffer]:
    return {name: one for name, one in buffers.items() if not isinstance(one, TrainingBuffer)}


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


def _copies(holders: Mapping[str, Holder]) -> dict[str, Array]:
    return {name: _copy(holder.peek()) for name, holder in holders.items()}


def _copy(array: Array) -> Array:
    return backend_of(array).xp.asarray(array, copy=True)


def _beside(array: Array, value: Array) -> Array:
    """Return a copy of an array where a value lies, in its dtype."""
    here, there = backend_of(array), backend_of(value)
    if here is not there:
        array = here.to_numpy(array)
    return there.xp.asarray(there.asarray(array, dtype_name(value.dtype)), copy=True)
