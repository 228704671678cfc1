"""What lies outside of a model and can change a step: module globals, classes, chance, patches."""

import contextlib
import random
import sys
import tempfile
from typing import Any

import numpy as np

import portanet

FACTOR = 1.0  # a module global that a layer reads
TABLE = {"factor": 1.0}  # one that is written into
COUNTS = {"n": 0}  # one that a forward pass writes
GENERATOR = np.random.default_rng(0)
FOLDER = tempfile.mkdtemp(prefix="portanet-differential-")

_ABSENT = object()
_patched: list[tuple[Any, str, Any]] = []


def factor() -> float:
    """Return 1.0; layers call this, and an action puts another function in its place."""
    return 1.0


def current() -> float:
    """Return the global that is in force."""
    return FACTOR


def patch(owner: Any, name: str, value: Any) -> None:
    """Set an attribute of a class or a module until the next reset."""
    held = {name: getattr(owner, name)} if name.startswith("__") else vars(owner)
    _patched.append((owner, name, held.get(name, _ABSENT)))
    setattr(owner, name, value)


def reset(seed: int) -> None:
    """Let everything outside of models be as it was when the first program began."""
    while _patched:
        owner, name, value = _patched.pop()
        if value is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, value)
    this = sys.modules[__name__]
    this.FACTOR, this.GENERATOR = 1.0, np.random.default_rng(seed)
    TABLE.update(factor=1.0)
    COUNTS.update(n=0)
    np.random.seed(seed)  # noqa: NPY002 - the users' stream
    random.seed(seed)
    portanet.seed(seed)


@contextlib.contextmanager
def undisturbed():
    """Within this block the global streams of chance may be drawn from; then they are put back."""
    kept = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(kept[0])  # noqa: NPY002
        random.setstate(kept[1])


def state() -> dict[str, Any]:
    """Return where the global streams stand, and the globals."""
    _, keys, position, *_ = np.random.get_state()  # noqa: NPY002
    return {
        "chance.numpy": (int(keys[0]), int(position)),
        "chance.python": hash(random.getstate()),
        "chance.global": repr(GENERATOR.bit_generator.state["state"]),
        "counts": dict(COUNTS),
    }
