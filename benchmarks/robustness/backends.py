"""A run is saved on one backend, within an epoch, and resumed on another, to the end.

On the backend that saved it, it ends with the same bits as without a stop. On another one it has
the same batches and dropout masks; sums are taken in another order, and the difference is compared
with the bounds below: that of each array, in units of its largest number.
"""

from itertools import product

import numpy as np

import portanet
from benchmarks.robustness.run import arrays_of, digest, finish, made
from portanet import load, save
from portanet.backends import missing

BOUNDS = {"float64": 1e-12, "float32": 1e-3}
NAMES = ("numpy", "strict", "torch", "jax", "cupy")
SAVED_AT = 10  # the third epoch has begun


def tried(place, count=1):
    """Yield what came out, in words."""
    reasons = missing()
    names = [name for name in NAMES if name not in reasons]
    for name in sorted({*NAMES} & {*reasons}):
        yield f"{name} was not tried: {reasons[name]}"
    for dtype, bound in BOUNDS.items():
        able = [name for name in names if dtype in portanet.backends.get(name).dtypes]
        for first, second in product(able, able):
            worst = resumed_elsewhere(place, first, second, dtype)
            yield f"{dtype}: saved on {first}, resumed on {second}: {worst:.1e}"
            assert worst < bound
            assert worst == 0 or first != second


def resumed_elsewhere(place, first, second, dtype):
    """Return the largest difference that a run on two backends has to one on the first alone."""
    whole = finish(made(backend=first, dtype=dtype))
    start, other = made(backend=first, dtype=dtype), made(backend=second, dtype=dtype, seed=7)
    finish(start, SAVED_AT)
    path = place / f"{first}-{second}-{dtype}.safetensors"
    save(path, start.model, start.optimizer, trainer=start)
    load(path, other.model, other.optimizer, trainer=other)
    finish(other)
    if first == second:
        assert digest(other) == digest(whole)
    return max(difference(whole, other), rows_apart(whole.history, other.history))


def difference(one, other):
    """Return the largest difference of two runs' arrays, in units of an array's largest number."""
    a, b = arrays_of(one), arrays_of(other)
    assert a.keys() == b.keys()
    return max(float(np.abs(a[n] - b[n]).max() / max(np.abs(a[n]).max(), 1e-3)) for n in a)


def rows_apart(rows, others):
    """Return the largest relative difference of two histories' losses."""
    assert len(rows) == len(others)
    losses = [
        (row[n], other[n])
        for row, other in zip(rows, others, strict=True)
        for n in ("loss", "val_loss")
    ]
    return max(abs(a - b) / abs(a) for a, b in losses)
