"""What an architecture in a file may look like: checked before anything is made of it."""

from collections.abc import Iterator
from typing import Any

from portanet.checks import FLOATS
from portanet.errors import CheckpointError, short
from portanet.given import PLAIN

Node = dict[str, Any]
_DEPTH = 50  # lists in lists
_WORDS = {  # what the nodes and the values that are dicts have
    "portanet": {"args", "options"}, "own": {"args", "options"}, "input": set[str](),
    "inputs": {"layer", "several", "sides", "item"},
}  # fmt: skip
_VALUES = {
    "node": set[str](), "tuple": set[str](), "dict": set[str](), "portanet": set[str](),
    "own": set[str](), "array": {"dtype"}, "partial": {"args", "options"},
}  # fmt: skip
_TOP = {
    "nodes": list, "parts": dict, "changed": dict, "shared": dict, "frozen": list, "streams": dict,
    "dtype": str,
}  # fmt: skip


def check_form(architecture: Any) -> None:
    """Raise CheckpointError unless the entries of an architecture are there, and of their types."""
    for name, kind in _TOP.items():
        value = architecture.get(name)
        if type(value) is not kind:
            raise CheckpointError(
                f"{name} of its architecture must be a {kind.__name__}, is {short(value)}"
            )
    for name in ("parts", "shared"):
        _check_texts(name, list(architecture[name].values()))
    _check_texts("frozen", architecture["frozen"])
    if not architecture["nodes"] or not architecture["parts"]:
        raise CheckpointError("its architecture must have nodes and parts")
    if not all(type(changes) is dict for changes in architecture["changed"].values()):
        raise CheckpointError("changed of its architecture must hold dicts of attributes")
    if architecture["dtype"] not in FLOATS:
        raise CheckpointError(f"dtype must be one of {FLOATS}, is {short(architecture['dtype'])}")


def _check_texts(name: str, values: list[Any]) -> None:
    for value in values:
        if type(value) is not str:
            raise CheckpointError(f"{name} of its architecture must hold names, has {short(value)}")


def word_of(node: Any, what: str = "a node") -> str:
    """Return the word that says what a node or a dict among the values is."""
    words = _VALUES if what == "a value" else _WORDS
    for word, others in words.items():
        if type(node) is dict and word in node and set(node) <= {word, *others}:
            return word
    raise CheckpointError(f"{what} must have one of {', '.join(words)}, is {short(node)}")


def values_of(node: Node) -> Iterator[Any]:
    """Yield the arguments of a call: plain values, lists, and dicts with a word."""
    args, options = node.get("args", []), node.get("options", {})
    if type(args) is not list or type(options) is not dict:
        raise CheckpointError(f"args must be a list and options a dict, are {short(node)}")
    yield from args
    yield from options.values()


def inside(value: Any, depth: int = _DEPTH) -> Iterator[dict[str, Any]]:
    """Yield the dicts with a word that a value is or holds; their own contents come after them."""
    if type(value) in PLAIN:
        return
    if depth == 0:
        raise CheckpointError("lists must not be nested that deeply")
    if type(value) is list:
        for item in value:
            yield from inside(item, depth - 1)
        return
    word = word_of(value, "a value")
    yield value
    if word in ("tuple", "dict"):
        yield from inside(value[word], depth - 1)
    elif word == "partial":
        yield from inside(value[word], depth - 1)
        for item in values_of(value):
            yield from inside(item, depth - 1)


def number(value: Any, i: int) -> int:
    """Return the number of a node that node i refers to, which must come before it."""
    if type(value) is not int or not 0 <= value < i:
        raise CheckpointError(f"node {i} must refer to nodes before it, refers to {short(value)}")
    return value


def named_in(nodes: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield each word, "portanet" or "own", and name that the nodes use."""
    for node in nodes:
        if word_of(node) not in ("portanet", "own"):
            continue
        for found in (node, *(d for value in values_of(node) for d in inside(value))):
            for word in ("portanet", "own"):
                if word in found:
                    if type(found[word]) is not str:
                        raise CheckpointError(f"a name must be a text, is {short(found[word])}")
                    yield word, found[word]


def check_size(nodes: list[Any], most: int) -> None:
    """Raise CheckpointError if a network would have more than that many parts.

    What is used twice counts twice, as it does where one walks over a network: thirty nodes that
    each use the one before it twice are a network of 2³⁰ parts.
    """
    sizes, wired, work = list[int](), dict[int, list[int]](), most + 4 * len(nodes)
    for i, node in enumerate(nodes):
        if word_of(node) in ("input", "inputs"):
            wired[i] = _wired(node, i)
            sizes.append(0)
            continue
        layers, through, wires = list[int](), set[int](), _used(node, i)
        seen = set[int]()
        while wires:
            j = wires.pop()
            if j not in wired:
                layers.append(j)
            elif j not in seen:
                seen.add(j)
                work -= len(wired[j]) + 1
                through |= {k for k in wired[j] if k not in wired}
                wires += [k for k in wired[j] if k in wired]
            if work < 0:
                break
        sizes.append(1 + sum(sizes[j] for j in (*layers, *(through - {*layers}))))
        if sizes[-1] > most or work < 0:
            raise CheckpointError(f"its architecture must have at most {most} parts, has more")


def _used(node: Node, i: int) -> list[int]:
    dicts = (d for value in values_of(node) for d in inside(value))
    return [number(d["node"], i) for d in dicts if "node" in d]


def _wired(node: Node, i: int) -> list[int]:
    """Return the nodes that a wire is computed from, and its layer."""
    if "input" in node:
        return []
    inputs, sides = node["inputs"], node.get("sides", {})
    if type(inputs) is not list or type(sides) is not dict or not inputs:
        raise CheckpointError(f"a wire must have a list of inputs, and a dict of sides: node {i}")
    layer = [] if node.get("layer") is None else [node["layer"]]
    return [number(j, i) for j in (*inputs, *sides.values(), *layer)]
