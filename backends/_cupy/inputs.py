"""Inputs of a captured graph that change from step to step: learning rates, positions, masks.

The arguments of a graph's kernels are fixed by the capture, so kernels read these numbers from
device memory. All of them are fields of one record, which is sent in one copy if one has changed.

The copy is asynchronous, so its source must not change until it has run. Copies from pageable host
memory may synchronize; so there is a ring of pinned slots. An event is recorded after the copy of a
slot, and the slot is not written again before that event has completed: there is no race, and no
waiting unless the host is a whole ring of steps ahead. On the device the record is written and read
on one stream, in order.
"""

import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

from portanet.backends._cupy.memory import PrivateMemory
from portanet.backends._whole import call_all
from portanet.errors import ArgumentError, DtypeError
from portanet.typing import Array

_MOST_SLOTS, _LEAST_SLOTS = 64, 4  # steps that the host can be ahead
_RING_BYTES = 4 * 2**20  # of pinned memory, unless that is less than the fewest slots
_ALIGNMENT = 16  # bytes: suits all dtypes
_KINDS = "biuf"

Layout = tuple[tuple[int, ...], str]  # shape and dtype


class StepInputs:
    """A record on the device: `inputs["lr"]` is a view of one of its fields.

    `fields` has shapes and dtypes: {"lr": ((), "float32"), "mask": ((64, 20), "bool")}. The fields
    are 0 until they are sent.

    Raises ArgumentError if a dtype is not of real numbers or truth values.
    """

    def __init__(self, fields: Mapping[str, Layout], memory: PrivateMemory) -> None:
        import cupy as cp
        import cupyx
        import numpy as np

        offsets, size = _offsets(fields)
        n_slots = min(_MOST_SLOTS, max(_LEAST_SLOTS, _RING_BYTES // size))
        self._device = memory.empty((size,), "uint8")
        self._slots = cupyx.zeros_pinned((n_slots, size), np.uint8)
        self._events = [cp.cuda.Event(disable_timing=True) for _ in range(n_slots)]
        # pinned memory may be reused only after its last copy
        weakref.finalize(self, _wait, self._events).atexit = False
        self._current = np.zeros(size, np.uint8)  # compared with what was sent
        self._sent: bytes | None = None
        self._n_sent = 0
        self._fields = _views(self._current, fields, offsets)
        self._arrays = _views(self._device, fields, offsets)

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def send(self, values: Mapping[str, Any]) -> bool:
        """Set fields on the device, on the current stream.

        This is one copy from host to device if anything has changed, else none. Other fields keep
        their values. Returns whether a copy was made.

        Raises ArgumentError for an unknown name, DtypeError for an array of
        another dtype (plain numbers are converted), ValueError for one of another shape.
        """
        for name, value in values.items():
            self._write(name, value)
        record = self._current.tobytes()
        if record == self._sent:
            return False
        self._copy()
        self._sent = record
        return True

    def _write(self, name: str, value: Any) -> None:
        field = self._fields.get(name)
        if field is None:
            raise ArgumentError(
                f"StepInputs.send: there is no field {name!r}; there are {', '.join(self._fields)}"
            )
        if getattr(value, "dtype", field.dtype) != field.dtype:
            raise DtypeError(
                f"StepInputs.send: {name} must be {field.dtype}, is {value.dtype}; convert it"
            )
        field[...] = value

    def _copy(self) -> None:
        import cupy as cp

        slot, event = self._free_slot()
        slot[:] = self._current
        stream = cp.cuda.get_current_stream()
        copy = partial(
            cp.cuda.runtime.memcpyAsync, self._device.data.ptr, slot.ctypes.data, slot.nbytes,
            cp.cuda.runtime.memcpyHostToDevice, stream.ptr,
        )  # fmt: skip
        call_all(iter([copy, partial(event.record, stream)]))  # no copy without its event

    def _free_slot(self) -> tuple[Any, Any]:
        """Return the next slot and its event; wait until the slot's last copy has run."""
        i = self._n_sent % len(self._slots)
        event = self._events[i]
        if self._n_sent >= len(self._slots) and not event.done:
            event.synchronize()
        self._n_sent += 1
        return self._slots[i], event


def _wait(events: Sequence[Any]) -> None:
    for event in events:
        if not event.done:
            event.synchronize()


def _offsets(fields: Mapping[str, Layout]) -> tuple[dict[str, int], int]:
    """Return the offset of each field and the size of the record, in bytes."""
    import numpy as np

    offsets, size = {}, 0
    for name, (shape, dtype) in fields.items():
        if np.dtype(dtype).kind not in _KINDS:
            raise ArgumentError(
                f"StepInputs: {name} must hold real numbers or truth values, is {dtype}"
            )
        offsets[name] = size
        n_bytes = prod(shape) * np.dtype(dtype).itemsize
        size += -(-n_bytes // _ALIGNMENT) * _ALIGNMENT
    return offsets, max(size, _ALIGNMENT)


def _views(
    record: Array, fields: Mapping[str, Layout], offsets: Mapping[str, int]
) -> dict[str, Array]:
    """Return the fields of a record as views."""
    import numpy as np

    views = {}
    for name, (shape, dtype) in fields.items():
        n_bytes = prod(shape) * np.dtype(dtype).itemsize
        part = record[offsets[name] : offsets[name] + n_bytes]
        views[name] = part.view(dtype).reshape(shape)
    return views
