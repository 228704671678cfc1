"""All that lies between a table and a network: fitted on training rows, kept as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from portanet.errors import ArgumentError, DataError, short
from portanet.table.category import Category
from portanet.table.kinds import Kinds
from portanet.table.number import Number
from portanet.table.stored import fields_of
from portanet.table.target import Classes, Quantity
from portanet.table.words import counted, listed, no_column

VERSION = 1
_KINDS = {kind.kind: kind for kind in (Number, Category, Classes, Quantity)}


@dataclass(frozen=True)
class Preprocessing:
    """The columns that a network takes, in its order, and its target.

    `left_out` says why a column is not used. What becomes of a column is said by its class, Number
    or Category; of the target by Classes or Quantity.
    """

    columns: tuple[Number | Category, ...]
    target: Classes | Quantity
    left_out: dict[str, str]

    @classmethod
    def fit(cls, frame: Any, kinds: Kinds, target: Classes | Quantity) -> Self:
        """Fit each used column to the training rows."""
        columns = [_KINDS[kind].fit(frame[name]) for name, kind in kinds.used.items()]
        return cls(tuple(columns), target, dict(kinds.left_out))  # pyright: ignore

    @property
    def features(self) -> list[str]:
        """The names of the network's inputs."""
        return [feature for column in self.columns for feature in column.features]

    def transform(self, frame: Any) -> np.ndarray:
        """Return the network's inputs, shape (N, n features), float32; other columns are ignored.

        Raises ArgumentError if the table lacks a column, DataError if one of numbers holds others.
        """
        self._check_columns(list(frame.columns))
        if len(frame) == 0:
            return np.zeros((0, len(self.features)), np.float32)
        parts = [column.transform(frame[column.name]) for column in self.columns]
        return np.concatenate(parts, axis=1)

    def remarks(self, frame: Any) -> list[str]:
        """Return what a reader should know of rows: ignored columns, gaps, unknown categories."""
        self._check_columns(list(frame.columns))
        known = {c.name for c in self.columns} | {self.target.name} | set(self.left_out)
        new = [name for name in frame.columns if name not in known]
        remarks = [f"ignored, as training did not have them: {listed(new)}"] if new else []
        for column in self.columns:
            remarks += _remarks(column, frame[column.name])
        return remarks

    def _check_columns(self, names: Sequence[str]) -> None:
        missing = [column.name for column in self.columns if column.name not in names]
        if not missing:
            return
        if len(missing) == 1:
            raise ArgumentError(no_column("table", missing[0], names) + "; the network needs it")
        raise ArgumentError(
            f"table: {len(missing)} columns are missing that the network needs: "
            f"{listed(missing, 20)}; it has {listed(names, 20)}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold."""
        return {
            "version": VERSION,
            "columns": [{"kind": column.kind, **asdict(column)} for column in self.columns],
            "target": {"kind": self.target.kind, **asdict(self.target)},
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Return what to_json has written. Raises DataError if that is of another kind."""
        if not isinstance(stored, dict) or stored.get("version") != VERSION:
            raise DataError(
                f"table: its preprocessing must be of version {VERSION}, is {short(stored)}; it is "
                "damaged, or of another version of portanet"
            )
        try:
            columns = tuple(_made(entry, (Number, Category)) for entry in stored["columns"])
            return cls(columns, _made(stored["target"], (Classes, Quantity)), stored["left_out"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"table: its preprocessing is damaged: {error}") from error


def _made(entry: Any, kinds: tuple[type, ...]) -> Any:
    kind = _KINDS[entry["kind"]]
    if kind not in kinds:
        raise ValueError(f"{short(entry['kind'])} stands where another kind belongs")
    return kind(**fields_of(kind, entry))


def _remarks(column: Number | Category, series: Any) -> list[str]:
    """Return what is to be said of the values of one column."""
    remarks = []
    unknown = column.unknown(series)
    if unknown:
        remarks.append(
            f"{short(column.name)} has {counted(len(unknown), 'category', 'categories')} that "
            f"training did not have, {listed(unknown)}: counted as none of the known ones"
        )
    n_gaps = int(series.isna().sum())
    if n_gaps:
        is_number = isinstance(column, Number)
        filled = f"{column.median:g}" if is_number else short(column.most_frequent)
        remarks.append(
            f"{short(column.name)} is missing in {counted(n_gaps, 'row')}: filled with "
            f"{filled}" + (", and marked" if column.missing else "")
        )
    return remarks
