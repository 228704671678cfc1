"""Lines of the kernel language: nests of loops, and what makes a kernel of them."""

from portanet.compiler.engines.llvm.arguments import Arguments
from portanet.compiler.engines.llvm.text import takes_long

INDENT = "    "


def kernel_text(arguments: Arguments, lines: list[str]) -> str:
    """Return a kernel of these lines."""
    body = "".join(f"{INDENT}{line}\n" for line in lines)
    return f"def kernel({arguments.text}):\n{body}"


def loops(letter: str, lengths: list[str], body: list[str]) -> list[str]:
    """Return a nest of loops around lines; nothing around none. The innermost one is parallel.

    >>> loops("k", ["n0", "n1"], ["x = 0"])
    ['for k0 in range(n0):', '    for k1 in parallel(n1):', '        x = 0']
    """
    if not body:
        return []
    inner = not any(line.lstrip().startswith("for ") for line in body)
    kinds = ["range"] * (len(lengths) - 1) + [_kind(body) if inner else "range"]
    heads = [
        f"{INDENT * i}for {letter}{i} in {kind}({n}):"
        for i, (kind, n) in enumerate(zip(kinds, lengths, strict=False))
    ]
    return heads + [INDENT * len(lengths) + line for line in body]


def _kind(body: list[str]) -> str:
    """Return the kind of an innermost loop.

    The last numbers of a row are computed together under a mask if each takes long; if not, storing
    them under a mask takes longer, above all where the next row is read from beside them.
    """
    stores = any("] = " in line for line in body)
    return "unmasked" if stores and not any(map(takes_long, body)) else "parallel"
