"""array-api-strict: the standard and nothing more, on a fake device.

Its second device refuses to meet host arrays, as a GPU does, so an array made in the wrong place
shows on any machine; its device "no_float64" has no float64, so a silent cast shows too.
"""

from typing import Any

from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError, MissingBackendError
from portanet.typing import Array

INSTALL = "pip install 'portanet[strict]'"


def make(device: object = None) -> "StrictBackend":
    """Return the backend of a fake device: "device1" (the default), "no_float64", …"""
    try:
        import array_api_strict as xp
    except ImportError as error:
        raise MissingBackendError(
            f"backend 'strict': the package array-api-strict is not installed; run: {INSTALL}",
            backend="strict", missing="package", command=INSTALL,
        ) from error  # fmt: skip
    if isinstance(device, xp.Device):
        return StrictBackend(xp, device)
    try:
        return StrictBackend(xp, xp.Device(device or "device1"))
    except ValueError as error:
        raise ArgumentError(
            "backend 'strict': device must be one of array-api-strict's ('CPU_DEVICE', 'device1', "
            f"'device2', 'no_float64', 'no_x64'), is {device!r}"
        ) from error


class StrictBackend(StandardBackend):
    """Arrays of array-api-strict on one of its fake devices."""

    def __init__(self, xp: Any, device: Any) -> None:
        super().__init__("strict", xp, device)

    def to_numpy(self, x: Array) -> Any:
        """Return x on the host: through the fake CPU device, the only one that NumPy reads."""
        return super().to_numpy(x.to_device(self.xp.Device("CPU_DEVICE")))
