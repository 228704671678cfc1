"""array-api-strict: exactly the array API standard, on a fake device.

Its second device raises for host arrays, as a GPU does, so that an array on the wrong device is
found on any machine; its device "no_float64" has no float64, which finds silent casts.
"""

from typing import Any

from portanet.backends._installing import install
from portanet.backends._standard import StandardBackend, missing_package
from portanet.errors import ArgumentError, short
from portanet.typing import Array


def make(device: object = None) -> "StrictBackend":
    """Return the backend of a fake device: "device1" (the default), "no_float64", …"""
    try:
        import array_api_strict as xp
    except ImportError as error:
        raise missing_package("strict", "array-api-strict", install("strict")) from error
    if isinstance(device, xp.Device):
        return StrictBackend(xp, device)
    try:
        return StrictBackend(xp, xp.Device(device or "device1"))
    except ValueError as error:
        raise ArgumentError(
            "backend 'strict': device must be one of array-api-strict's ('CPU_DEVICE', 'device1', "
            f"'device2', 'no_float64', 'no_x64'), is {short(device)}"
        ) from error


class StrictBackend(StandardBackend):
    """Arrays of array-api-strict on one of its fake devices."""

    def __init__(self, xp: Any, device: Any) -> None:
        super().__init__("strict", xp, device)

    def to_numpy(self, x: Array) -> Any:
        """Return x on the host: through the fake CPU device, the only one that NumPy reads."""
        return super().to_numpy(x.to_device(self.xp.Device("CPU_DEVICE")))
