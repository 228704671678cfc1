"""Two names of one parameter: whether the part that holds both adds its gradients up."""

from typing import Any

from portanet.errors import SharedParameterError


def check_shared(part: Any, first: str, second: str) -> None:
    """Raise SharedParameterError unless a network adds the gradients of two names up."""
    both = _common(first, second)
    owner, _, attribute = both.rpartition(".")
    parts = part.named_parts()
    if owner not in parts or attribute != parts[owner].sums or not attribute:
        raise SharedParameterError(
            f"{type(part).__name__}: {first} and {second} are one Parameter, whose two "
            "gradients would replace each other; give each layer its own (the layers of one "
            "Sequential may share a parameter: it adds their gradients up)"
        )
    one, other = (
        parts.get(".".join(name.split(".")[: both.count(".") + 2])) for name in (first, second)
    )
    if one is other:
        raise SharedParameterError(
            f"{type(part).__name__}: {first} and {second} belong to one layer, which can save "
            "the inputs of one forward pass; make a second layer, and give it the Parameters "
            "of the first: second.weights = first.weights"
        )


def _common(first: str, second: str) -> str:
    """Return what two names have in common, up to a dot."""
    n, words = 0, list(zip(first.split("."), second.split("."), strict=False))
    while words[n][0] == words[n][1]:
        n += 1
    return ".".join(word for word, _ in words[:n])
