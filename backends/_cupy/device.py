"""CuPy launches on the current device, whatever device the arrays are on."""

from typing import Any

from portanet.errors import PlacementError


class CurrentDevice:
    """The CUDA device that is current when this is made."""

    def __init__(self) -> None:
        import cupy as cp

        self._get: Any = cp.cuda.runtime.getDevice
        self._number = self._get()

    def check(self) -> None:
        """Raise PlacementError if another device is current now."""
        now = self._get()
        if now != self._number:
            raise PlacementError(
                f"the compiled step is on CUDA device {self._number}, but CuPy's current device is "
                f"{now}; use it within: with cupy.cuda.Device({self._number}):"
            )
