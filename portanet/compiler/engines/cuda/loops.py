"""Loops of a kernel as text: each thread loads several elements before it uses the first.

A load takes some hundred cycles, whether one is under way or many. The compiler does not move a
load before the store of the previous element, which might be to the same address, so that this is
written out: loads of a batch, then everything else for each element of it. What does not fill a
batch is left to a second loop: with a condition for each element the compiler would part the loads
again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from portanet.compiler.engines.cuda.threads import BATCH, ThreadShape

_WIDE = ("double", "long long", "unsigned long long")  # take two registers each
_ROLLED = "#pragma unroll 1"  # unrolled as well, a long loop takes more registers than there are


@dataclass(frozen=True)
class Load:
    """An element that is read in each iteration: its name there, its C++ type, where it lies."""

    name: str
    kind: str
    text: str


def loop(shape: ThreadShape, index: str, loads: Sequence[Load], lines: Sequence[str]) -> list[str]:
    """Return a loop of a thread over its indices j, of a type, of a piece, in ascending order."""
    step = shape.lanes
    begin, end = ("begin", "end") if shape.pieces > 1 else ("0", f"({index}){shape.n_reduced}")
    first = f"{begin} + lane" if step > 1 else begin
    wide = any(load.kind in _WIDE for load in loads)
    batch = min(BATCH // 2 if wide else BATCH, shape.n_reduced // step)
    if batch < 2:
        return _one_by_one(f"{index} j = {first}", end, step, loads, lines)
    head = f"for (; base < {end} - {(batch - 1) * step}; base += {batch * step}) {{"
    each = _in_batches(batch, f"const {index} j = base + u * {step};", loads, lines)
    found = [f"{index} base = {first};", _ROLLED, head, *_indented(each), "}"]
    if shape.n_reduced % (batch * step):
        found += _one_by_one(f"{index} j = base", end, step, loads, lines)
    return ["{", *_indented(found), "}"]


def _in_batches(batch: int, j: str, loads: Sequence[Load], lines: Sequence[str]) -> list[str]:
    arrays = [f"{load.kind} {load.name}s[{batch}];" for load in loads]
    read = [f"{load.name}s[u] = {load.text};" for load in loads]
    used = [f"const {load.kind} {load.name} = {load.name}s[u];" for load in loads]
    each = ["#pragma unroll", f"for (int u = 0; u < {batch}; ++u) {{"]
    own = [j] if any(re.search(r"\bj\b", line) for line in lines) else []  # where to store, say
    parts = [[*each, *_indented(part), "}"] for part in ([j, *read], [*own, *used, *lines])]
    return [*arrays, *parts[0], *parts[1]]


def _one_by_one(
    start: str, end: str, step: int, loads: Sequence[Load], lines: Sequence[str]
) -> list[str]:
    read = [f"const {load.kind} {load.name} = {load.text};" for load in loads]
    head = f"for ({start}; j < {end}; j += {step}) {{"
    return [_ROLLED, head, *_indented([*read, *lines]), "}"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
