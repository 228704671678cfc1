"""PyTorch as an array API namespace, without its autograd and modules."""

from typing import Any

from portanet.backends._installing import install
from portanet.backends._standard import StandardBackend, missing_package
from portanet.errors import ArgumentError, short
from portanet.typing import Array, Dtype


def make(device: object = None) -> "TorchBackend":
    """Return the backend of a torch device: "cpu" (the default), "cuda", "cuda:1", "mps" …"""
    try:
        import torch
    except ImportError as error:
        raise missing_package("torch", "PyTorch", install("torch")) from error
    try:
        # "cuda" becomes "cuda:0", which is what arrays have as their device
        where = torch.empty(0, device=torch.device(device or "cpu")).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ArgumentError(
            f"backend 'torch': device must be one that torch.device takes and this machine has, "
            f"such as 'cpu' or 'cuda:0'; is {short(device)} ({str(error).splitlines()[0]})"
        ) from error
    return TorchBackend(torch, where)


class TorchBackend(StandardBackend):
    """PyTorch tensors on one torch device."""

    def __init__(self, torch: Any, device: Any) -> None:
        import array_api_compat.torch as xp

        super().__init__("torch", xp, device)
        self._torch = torch

    def asarray(self, x: Array, dtype: str | None = None) -> Array:
        """Return x on this device; NumPy arrays that torch cannot share are copied.

        These are read-only arrays, for which it warns, and reversed ones (X[::-1]), for which it
        raises.
        """
        flags, strides = getattr(x, "flags", None), getattr(x, "strides", ())
        shareable = flags is None or (flags.writeable and min(strides, default=0) >= 0)
        return super().asarray(x if shareable else x.copy(), dtype)

    def to_numpy(self, x: Array) -> Any:
        """Return x on the host, without its autograd history."""
        self.copies_to_host += 1
        return x.detach().cpu().numpy()

    def half_dtype(self, name: str) -> Dtype:
        """Return torch.float16 or torch.bfloat16."""
        return getattr(self._torch, name)

    def synchronize(self) -> None:
        """Wait for a CUDA device; on others tensors are ready when they are returned."""
        if self.device.type == "cuda":
            self._torch.cuda.synchronize(self.device)

    def free_memory(self) -> int | None:
        """Return the free bytes of a CUDA device, None for others."""
        if self.device.type == "cuda":
            return self._torch.cuda.mem_get_info(self.device)[0]
        return None
