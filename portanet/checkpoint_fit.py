"""How the arrays of a checkpoint and those of a model fit together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from portanet.checks import dtype_name
from portanet.errors import CheckpointError
from portanet.layer import Buffer, Parameter
from portanet.typing import Array

Held = Mapping[str, Parameter | Buffer]


@dataclass(frozen=True, repr=False)
class LoadReport:
    """What `load(…, strict=False)` has done: names of arrays, and the `extra` that was saved.

    `loaded` have the file's values; `missing` are in the model only, `other_shapes` have another
    shape in the file: both have kept the model's own values; `unexpected` are in the file only.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    other_shapes: tuple[str, ...] = ()
    extra: Any = None

    @property
    def complete(self) -> bool:
        """Whether file and model fit exactly."""
        return not (self.missing or self.unexpected or self.other_shapes)

    def __repr__(self) -> str:
        parts = [f"{len(self.loaded)} arrays loaded"]
        for name in ("missing", "unexpected", "other_shapes"):
            if names := getattr(self, name):
                parts.append(f"{name.replace('_', ' ')}: {', '.join(names)}")
        return f"LoadReport({'; '.join(parts)})"


def fit_of(path: Any, arrays: Mapping[str, Array], held: Held, extra: Any) -> LoadReport:
    """Return which arrays of a file fit a model's, by name, dtype and shape.

    Raises CheckpointError if a dtype differs, as nothing is cast unasked, or if no array fits.
    """
    common = [name for name in held if name in arrays]
    other = [name for name in common if _form(arrays[name]) != _form(held[name].peek())]
    report = LoadReport(
        loaded=tuple(name for name in common if name not in other),
        missing=tuple(name for name in held if name not in arrays),
        unexpected=tuple(name for name in arrays if name not in held),
        other_shapes=tuple(other),
        extra=extra,
    )
    if (held and not report.loaded) or any(
        dtype_name(arrays[name].dtype) != dtype_name(held[name].peek().dtype) for name in other
    ):
        refuse_differences(path, report, arrays, held)
    return report


def refuse_differences(
    path: Any, report: LoadReport, arrays: Mapping[str, Array], held: Held
) -> NoReturn:
    """Raise CheckpointError with all differences between a file and a model."""
    faults = [f"missing {name}" for name in report.missing]
    faults += [f"unexpected {name}" for name in report.unexpected]
    for name in report.other_shapes:
        wanted, came = _form(held[name].peek()), _form(arrays[name])
        faults.append(f"{name} is {came} in the file, {wanted} in the model")
    raise CheckpointError(
        f"load: {path} does not fit this model: {'; '.join(sorted(faults))}; the model must be "
        "made like the saved one, or strict=False loads what fits"
    )


def _form(array: Array) -> str:
    return f"{dtype_name(array.dtype)} {tuple(array.shape)}"
