"""Fault: one replacement in the library's text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`old`, which occurs once in `file` of portanet, becomes `new`; `case` then shows it.

    `backends` are those to compare; faults of kernels and of compiled steps are NumPy's own. With
    `ranks` it is in data-parallel training, and shown by that many ranks.
    """

    what: str
    file: str
    old: str
    new: str
    case: str
    backends: tuple[str, ...] = ("numpy",)
    ranks: int = 0

    def planted(self, text: str) -> str:
        """Return the text with the fault. Raises ValueError unless `old` occurs exactly once."""
        n = text.count(self.old)
        if n != 1:
            raise ValueError(f"{self.what}: {self.old!r} occurs {n} times in {self.file}")
        return text.replace(self.old, self.new)
