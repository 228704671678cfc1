"""Which operations have NumPy's bits as kernels: then a plan may change to LLVM at any step.

Sums, differences, products, quotients and roots are rounded as IEEE 754 says, by NumPy as by LLVM,
so long as no product becomes part of an fma, which rounds once where NumPy rounds twice. NumPy adds
up the rows of a matrix one after the other, as these kernels do; sums along rows have a kernel of
their own (row_sums.py). All else has bits of NumPy's own, functions such as exp and long sums, and
stays a call of NumPy. Which of 0 and -0 is the larger NumPy leaves to the processor: a verification
does not look at the sign of a 0.
"""

from typing import Any

from portanet.compiler.engines.llvm.blocks import LEAST
from portanet.compiler.engines.llvm.text import has_text, text_of
from portanet.compiler.fusion.indexing import contiguous
from portanet.compiler.graph.graph import Node

_ROUNDED_ALIKE = {
    "abs", "add", "divide", "equal", "greater", "greater_equal", "isfinite", "isnan",
    "less", "less_equal", "logical_and", "logical_not", "logical_or", "max", "maximum", "min",
    "minimum", "multiply", "negative", "not_equal", "positive", "sqrt", "square", "subtract",
    "where",
}  # fmt: skip
_PRODUCTS = {"multiply": "times({0}, {1})", "square": "times({0}, {0})"}


def has_same_bits(node: Node) -> bool:
    """Return whether an operation has text, which gives NumPy's bits."""
    alike = node.op in _ROUNDED_ALIKE
    if node.op == "sum":
        alike = _adds_rows(node) or _adds_one(node)
    elif node.op == "astype":  # of integers NumPy makes something else where a float has none
        alike = node.output.dtype.kind == "f" or node.args[0].dtype.kind != "f"
    return alike and has_text(node)


def text_of_same_bits(node: Node) -> tuple[str, list[Any]] | None:
    """Return an operation's text, as text.py does, with products that are rounded by themselves."""
    found = text_of(node)
    if found is None or node.op not in _PRODUCTS or node.output.dtype.kind != "f":
        return found
    return _PRODUCTS[node.op], found[1]


def is_same_product(node: Node) -> bool:
    """Return whether NumPy gives a product to the same function of the BLAS that a kernel does.

    Of vectors it takes a dot product or a matrix times a vector, of a matrix and its own transpose
    half of the product, and of a batch of matrices one at a time.
    """
    a, b = node.args[0], node.args[1]
    shapes = (*a.shape, *b.shape) if len(a.shape) == len(b.shape) == 2 else (1,)
    return min(shapes) > 1 and a.root is not b.root


def _adds_rows(node: Node) -> bool:
    """Return whether an operation adds the rows of a matrix: sum(x, axis=0), x in C order."""
    x = node.args[0]
    if len(x.shape) != 2 or node.options.get("axis") != 0 or not contiguous(x):
        return False
    return x.shape[1] > 1 and x.shape[0] <= LEAST  # longer ones are added in blocks


def _adds_one(node: Node) -> bool:
    """Return whether there is nothing to add: sum(x, axis=-1) of one column."""
    return node.args[0].size == node.output.size
