"""The table of a network: what each layer returns, and how many numbers it learns."""

from collections.abc import Sequence
from math import prod

import numpy as np

from portanet.checks import dtype_name
from portanet.parameter import Parameter

Row = tuple[str, str, str, str]
HEAD: Row = ("layer", "output", "parameters", "bytes")


def row_of(name: str, shape: Sequence[int], parameters: Sequence[Parameter]) -> Row:
    """Return the row of a layer whose output for one sample has a shape (1, …)."""
    forms = [parameter.form for parameter in parameters]
    count = sum(prod(of) for of, _, _ in forms)
    n_bytes = sum(prod(of) * np.dtype(dtype_name(dtype)).itemsize for of, dtype, _ in forms)
    output = ", ".join(["N", *map(str, shape[1:])])
    return name, f"({output}{',' * (len(shape) == 1)})", f"{count:,}", f"{n_bytes:,}"


def table(rows: Sequence[Row]) -> str:
    """Return rows as lines of text: words to the left, numbers to the right."""
    every = [HEAD, *rows]
    a, b, c, d = (max(len(row[i]) for row in every) for i in range(len(HEAD)))
    lines = (f"{w:<{a}}  {x:<{b}}  {y:>{c}}  {z:>{d}}" for w, x, y, z in every)
    return "\n".join(lines)
