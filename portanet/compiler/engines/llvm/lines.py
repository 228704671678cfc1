"""Lines of the kernel language: nests of loops, and what makes a kernel of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.text import takes_long

INDENT = "    "
Between = Callable[[int], tuple[list[str], list[str]]]


@dataclass(frozen=True)
class Loop:
    """A loop: its index, what that goes over, and whether this is a block of a longer loop."""

    index: str
    over: str
    of_block: bool = False


def kernel_text(arguments: Arguments, lines: list[str]) -> str:
    """Return a kernel of these lines."""
    body = "".join(f"{INDENT}{line}\n" for line in lines)
    return f"def kernel({arguments.text}):\n{body}"


def loops(nest: Sequence[Loop], body: list[str], between: Between | None = None) -> list[str]:
    """Return a nest of loops around lines; nothing around none. The innermost one is parallel.

    between(i) are the lines in loop i before and after loop i + 1.

    >>> loops([Loop("k0", "n0"), Loop("k1", "n1")], ["x = 0"])
    ['for k0 in range(n0):', '    for k1 in parallel(n1):', '        x = 0']
    """
    if not body:
        return []
    inner = not any(line.lstrip().startswith("for ") for line in body)
    kind = _kind(body, nest[-1]) if inner and nest else "range"
    for i, loop in reversed(list(enumerate(nest))):
        innermost = loop is nest[-1]
        before, after = between(i) if between and not innermost else ([], [])
        head = f"for {loop.index} in {kind if innermost else 'range'}({loop.over}):"
        body = [head, *(INDENT + line for line in (*before, *body, *after))]
    return body


def _kind(body: list[str], loop: Loop) -> str:
    """Return the kind of an innermost loop.

    The last numbers of a row are computed together under a mask if each takes long; if not, storing
    them under a mask takes longer, above all where the next row is read from beside them. Blocks
    have an end seldom; without a mask several vectors of them are added side by side.
    """
    unmasked = loop.of_block or any("] = " in line for line in body)
    return "unmasked" if unmasked and not any(map(takes_long, body)) else "parallel"
