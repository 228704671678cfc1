"""The table of a network: what each layer returns, and how many numbers it learns."""

from collections.abc import Sequence
from math import prod

import numpy as np

from portanet.checks import dtype_name
from portanet.parameter import Parameter
from portanet.several import Arrays, parts_of

Row = tuple[str, str, str, str]
HEAD: Row = ("layer", "output", "parameters", "bytes")


def row_of(name: str, x: Arrays, parameters: Sequence[Parameter]) -> Row:
    """Return the row of a layer whose output for one sample is x, one array or several."""
    forms = [parameter.form for parameter in parameters]
    count = sum(prod(of) for of, _, _ in forms)
    n_bytes = sum(prod(of) * np.dtype(dtype_name(dtype)).itemsize for of, dtype, _ in forms)
    output = ", ".join(_shape(part.shape[1:]) for part in parts_of(x))
    return name, output, f"{count:,}", f"{n_bytes:,}"


def _shape(of_sample: Sequence[int]) -> str:
    """Return the shape of a batch of samples, as a text."""
    return f"({', '.join(['N', *map(str, of_sample)])}{',' * (not of_sample)})"


def table(rows: Sequence[Row]) -> str:
    """Return rows as lines of text: words to the left, numbers to the right."""
    every = [HEAD, *rows]
    a, b, c, d = (max(len(row[i]) for row in every) for i in range(len(HEAD)))
    lines = (f"{w:<{a}}  {x:<{b}}  {y:>{c}}  {z:>{d}}" for w, x, y, z in every)
    return "\n".join(lines)
