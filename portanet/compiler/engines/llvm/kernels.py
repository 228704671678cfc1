"""Kernel: machine code and the table of its arguments."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Kernel:
    """One call in a plan.

    text   what is compiled
    table  8 bytes for each argument
    name   the function in the text
    kept   arrays that the table has addresses of, and that nobody else keeps
    """

    text: str
    table: np.ndarray
    name: str = "kernel"
    kept: list[Any] = field(default_factory=list)
