"""PyTorch, as one more namespace: without its autograd and its modules."""

from typing import Any

from portanet.backends._standard import StandardBackend
from portanet.errors import ArgumentError, MissingBackendError
from portanet.typing import Array

INSTALL = "pip install 'portanet[torch]'"


def make(device: object = None) -> "TorchBackend":
    """Return the backend of a torch device: "cpu" (the default), "cuda", "cuda:1", "mps" …"""
    try:
        import torch
    except ImportError as error:
        raise MissingBackendError(
            f"backend 'torch': the package PyTorch is not installed; run: {INSTALL}",
            backend="torch", missing="package", command=INSTALL,
        ) from error  # fmt: skip
    try:
        # "cuda" becomes "cuda:0", as arrays say it of themselves
        where = torch.empty(0, device=torch.device(device or "cpu")).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ArgumentError(
            f"backend 'torch': device must be one that torch.device takes and this machine has, "
            f"such as 'cpu' or 'cuda:0'; is {device!r} ({str(error).splitlines()[0]})"
        ) from error
    return TorchBackend(torch, where)


class TorchBackend(StandardBackend):
    """PyTorch tensors on one torch device."""

    def __init__(self, torch: Any, device: Any) -> None:
        import array_api_compat.torch as xp

        super().__init__("torch", xp, device)
        self._torch = torch

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return x on this device; what torch cannot share of NumPy is copied.

        That is read-only arrays, of which it warns, and reversed ones (X[::-1]), which it refuses.
        """
        flags, strides = getattr(x, "flags", None), getattr(x, "strides", ())
        shareable = flags is None or (flags.writeable and min(strides, default=0) >= 0)
        return super().asarray(x if shareable else x.copy(), dtype)

    def to_numpy(self, x: Array) -> Any:
        """Return x on the host, without its autograd history."""
        self.copies_to_host += 1
        return x.detach().cpu().numpy()

    def synchronize(self) -> None:
        """Wait for a CUDA device; elsewhere tensors are ready when they are returned."""
        if self.device.type == "cuda":
            self._torch.cuda.synchronize(self.device)

    def free_memory(self) -> int | None:
        """Return what a CUDA device has left, None elsewhere."""
        if self.device.type == "cuda":
            return self._torch.cuda.mem_get_info(self.device)[0]
        return None
