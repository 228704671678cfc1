"""What other libraries call a backend or a device, and what it is called here."""

from collections.abc import Sequence
from difflib import get_close_matches

from portanet.errors import short

_ARGUMENTS_OF_TO = {
    "cpu": "'numpy'", "cuda": "'cupy'", "gpu": "'cupy'", "mps": "'torch', device='mps'",
    "nvidia": "'cupy'", "pytorch": "'torch'", "rocm": "'torch', device='cuda'",
    "tpu": "'jax', device='tpu'",
}  # fmt: skip


def dtype_like(name: str) -> bool:
    """Return whether a name is one of a dtype, such as "float64"."""
    return name in ("float32", "float64", "float16", "half", "double")


def advice(name: str, names: Sequence[str]) -> str:
    """Return the end of a sentence about an unknown name, with the backend that it means.

    >>> advice("cuda:1", ["numpy"]), advice("Numpy", ["numpy"]), advice("tensorflow", ["numpy"])
    ("; for 'cuda:1' use .to('cupy', device=1)", "; did you mean 'numpy'?", '')
    """
    device, _, number = name.lower().partition(":")
    if device in _ARGUMENTS_OF_TO:
        which = f", device={number}" if device == "cuda" and number.isdecimal() else ""
        return f"; for {short(name)} use .to({_ARGUMENTS_OF_TO[device]}{which})"
    if dtype_like(name):
        return f"; a dtype is .to(dtype={name!r})"
    similar = get_close_matches(name.lower(), names, 1)
    return f"; did you mean {similar[0]!r}?" if similar else ""
