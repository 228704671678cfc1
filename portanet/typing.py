"""Names for the types that stand in signatures.

`Array` is an array of any backend. It stays `Any` until the standard has a typing package; the
shapes stand in the docstrings.
"""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
Namespace: TypeAlias = Any
Dtype: TypeAlias = Any  # a dtype of some namespace
Rng: TypeAlias = np.random.Generator
