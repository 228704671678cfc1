"""Names of types in signatures.

`Array` is an array of any backend. It is `Any` until the standard has a typing package; shapes are
in the docstrings.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

Array: TypeAlias = Any
Namespace: TypeAlias = Any
Dtype: TypeAlias = Any  # a dtype of some namespace

if TYPE_CHECKING:
    from numpy.random import Generator as Rng
else:
    Rng = Any  # numpy.random costs a fifth of `import numpy`, and an import draws nothing

__all__ = ["Array", "Dtype", "Namespace", "Rng"]
