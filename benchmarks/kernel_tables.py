"""The tables of the benchmark networks' CUDA kernels, from what `benchmarks/kernels.py` has saved."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any

from benchmarks.networks import NETWORKS
from benchmarks.tables import table
from portanet.backends import _nvrtc
from portanet.compiler.engines.base import Launch
from portanet.compiler.profiling.estimate import microseconds
from portanet.compiler.profiling.gpus import gpu_named
from portanet.compiler.profiling.rows import Row
from portanet.compiler.profiling.table import bytes_text
from portanet.errors import MissingBackendError

GPU, ARCHITECTURE = gpu_named("H200"), "sm_90"
SHOWN = 6  # rows of a network: those that take longest
HEAD = """## The kernels of the benchmark networks

What one training step launches, as planned on: {place}. µs are ESTIMATES for an NVIDIA {gpu} from its data sheet, not
measured (`portanet/compiler/profiling/estimate.py` says how, and in which direction they err). Registers: {compiler}. *Other calls* are
products of matrices by cuBLAS, and functions of CuPy. *Waits*: how often a thread asks for elements and waits for them.
`benchmarks/kernels.py` makes these tables."""
FIELDS = ("line", "operations", "places", "shape", "read", "written", "flops", "dtype")


def as_json(row: Row) -> dict[str, Any]:
    """Return what is kept of a row."""
    launches = [[launch.blocks, launch.threads, launch.waits] for launch in row.launches]
    return {field: getattr(row, field) for field in FIELDS} | {"launches": launches}


def row_of(kept: dict[str, Any]) -> Row:
    """Return the row that was kept."""
    fields = {
        field: tuple(kept[field]) if isinstance(kept[field], list) else kept[field]
        for field in FIELDS
    }
    return Row(**fields, launches=tuple(Launch(*launch) for launch in kept["launches"]))


def report(now: dict[str, Any], old: dict[str, Any] | None = None) -> str:
    """Return the tables of all networks."""
    networks, before = now["networks"], None if old is None else old["networks"]
    compiler, registers = registers_of(networks)
    text = HEAD.format(place=now["planned on"], gpu=GPU.name, compiler=compiler)
    if before is not None:
        text += " A figure that was another before stands before an arrow."
    parts = [text, summary(networks, before, registers)]
    for name, found in networks.items():
        earlier = before[name]["rows"] if before is not None else []
        body = details(found["rows"], earlier, registers[name])
        parts.append(f"### {NETWORKS[name].title}\n\n{body}")
    return "\n\n".join(parts)


def registers_of(networks: dict[str, Any]) -> tuple[str, dict[str, dict[str, int]]]:
    """Return who compiled, and the registers of each kernel's threads; none without NVRTC."""
    found: dict[str, dict[str, int]] = {name: {} for name in networks}
    try:
        for name, network in networks.items():
            kernels = _nvrtc.compile_text(network["source"], ARCHITECTURE).kernels
            found[name] = {kernel: usage.registers for kernel, usage in kernels.items()}
    except MissingBackendError as error:
        return f"not known ({error.missing} missing)", found
    return f"by NVRTC {'.'.join(map(str, _nvrtc.version()))} for {ARCHITECTURE}", found


def summary(
    now: dict[str, Any], old: dict[str, Any] | None, registers: dict[str, dict[str, int]]
) -> str:
    """Return a table with a line for each network."""
    head = ["network", "kernels", "other calls", "most waits of a thread", "most registers"]
    rows = []
    for name, found in now.items():
        figures = totals(found["rows"])
        before = figures if old is None else totals(old[name]["rows"])
        cells = [arrow(a, b) for a, b in zip(before, figures, strict=True)]
        most = str(max(registers[name].values(), default=""))
        rows.append([NETWORKS[name].title, *cells[:3], most, cells[3]])
    return table([*head, f"≈ µs a step, {GPU.name}"], rows)


def totals(kept: Iterable[dict[str, Any]]) -> list[str]:
    """Return kernels, other calls, most waits, and the estimate of a whole step."""
    rows = [row_of(row) for row in kept]
    launches = [launch for row in rows for launch in row.launches]
    other = sum(not row.launches for row in rows)
    most = max(launch.waits for launch in launches)
    time = sum(microseconds(row, GPU) for row in rows)
    return [str(len(launches)), str(other), str(most), f"{time:.0f}"]


def details(
    kept: Sequence[dict[str, Any]], old: Sequence[dict[str, Any]], registers: dict[str, int]
) -> str:
    """Return a table of a network's rows that take longest; equal ones are one row."""
    groups, before = grouped(kept), grouped(old)
    longest = sorted(groups, key=lambda key: -microseconds(groups[key][0], GPU) * len(groups[key]))
    body = []
    for key in longest[:SHOWN]:
        figures = cells(groups[key][0])
        earlier = cells(before[key][0]) if key in before else figures
        used = [str(registers[n]) for n in names(groups[key][0]) if n in registers]
        middle = [arrow(a, b) for a, b in zip(earlier, figures, strict=True)]
        body.append([what(key), str(len(groups[key])), *middle[:3], ", ".join(used), *middle[3:]])
    head = ["operations", "times", "blocks", "threads", "waits", "registers", "bytes"]
    rest = len(longest) - SHOWN
    note = f"\n\nand {rest} more, each of less." if rest > 0 else ""
    return table([*head, f"≈ µs, {GPU.name}"], body) + note


Key = tuple[tuple[str, ...], tuple[int, ...], int]


def grouped(kept: Iterable[dict[str, Any]]) -> dict[Key, list[Row]]:
    """Return rows by their operations, the shape of their result, and the FLOP of products."""
    found: dict[Key, list[Row]] = {}
    for row in map(row_of, kept):
        found.setdefault((row.operations, row.shape, row.flops), []).append(row)
    return found


def cells(row: Row) -> list[str]:
    """Return blocks, threads, waits, bytes and estimate of a row, a number for each kernel."""
    each = [
        ", ".join(str(getattr(launch, part)) for launch in row.launches)
        for part in ("blocks", "threads", "waits")
    ]
    return [*each, bytes_text(row.read + row.written), f"{microseconds(row, GPU):.1f}"]


def what(key: Key) -> str:
    """Return a row's operations in a few words, and its shape."""
    counts = Counter(name.removeprefix("kernel:") for name in key[0])
    sums = [name for name in counts if name in ("sum", "max", "min", "prod", "matmul")]
    first = list(dict.fromkeys([*counts, *sums]))
    shown = ", ".join([*first[:2], *(name for name in sums if name not in first[:2])])
    more = len(key[0]) - len(shown.split(", "))
    shape = " x ".join(map(str, key[1])) or "one number"
    if key[0] == ("matmul",):
        shape += f", sums of {key[2] // (2 * prod(key[1]))}"
    return f"{shown}{f' and {more} more' if more > 0 else ''}: {shape}"


def names(row: Row) -> Iterator[str]:
    """Yield the names of a row's kernels."""
    yield from (name.strip() for name in row.line.split(","))


def arrow(before: str, now: str) -> str:
    """Return a figure, with the one before where it was another."""
    return now if before == now else f"{before} → {now}"
