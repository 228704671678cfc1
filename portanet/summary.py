"""The table of a network: what each layer returns, and how many numbers it learns."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from portanet.checks import dtype_name, is_float
from portanet.errors import ArgumentError, ShapeError, short
from portanet.parameter import Parameter
from portanet.places import name_place, of_samples
from portanet.several import Arrays, map_parts, parts_of
from portanet.sides import NO_SIDES, given_to, split
from portanet.typing import Array

Row = tuple[str, str, str, str]
HEAD: Row = ("layer", "output", "parameters", "bytes")


def one_sample(model: Any, shape: Any) -> tuple[Arrays, Mapping[str, Array]]:
    """Return a sample of a shape for a Sequential, and its side inputs by name.

    Raises ArgumentError if that is no shape, nor several by name.
    """
    if not isinstance(shape, Sequence | dict) and not hasattr(shape, "dtype"):
        raise ArgumentError(
            "Sequential.summary: shape must be the shape of one sample, is "
            f"{short(shape)}; for 30 features write model.summary((30,))"
        )
    if not isinstance(shape, dict):
        return _sample(model, shape, model.takes), NO_SIDES
    kinds = model.kinds(shape)
    return split(model, map_parts(lambda of, kind: _sample(model, of, kind), shape, kinds))


def _sample(model: Any, shape: Any, kind: str) -> Array:
    """Return one sample for a shape, or the first of some samples, as forward wants it."""
    backend, dtype = model.placement
    array = shape[:1] if hasattr(shape, "dtype") else np.zeros((1, *shape))
    if kind == "integers" or (kind == "own" and not is_float(array)):
        dtype = "bool" if array.dtype == bool else backend.index_dtype()
    return backend.asarray(array, dtype)


def table_of(model: Any, x: Arrays, sides: Mapping[str, Array]) -> str:
    """Return the table of a Sequential's layers, each given the output of the one before it."""
    rows = []
    try:
        for i, layer in enumerate(model.layers):
            x, of_layer = layer.summary_rows(str(i), x, **given_to(layer, sides))
            rows += of_layer
    except ShapeError as error:
        name_place(error, model)
        raise ShapeError(of_samples(error, "N")) from None
    return table([*rows, row_of("total", x, model.parameters())])


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
