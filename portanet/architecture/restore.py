"""What a network has become since its constructors were called: changed, shared, frozen, drawn."""

from collections.abc import Mapping
from typing import Any

from portanet.constructors import signature_of
from portanet.errors import CheckpointError, short
from portanet.given import is_plain
from portanet.options import Option
from portanet.parameter import Holder, Parameter
from portanet.part import Part
from portanet.random import Key
from portanet.state import is_count

_ALWAYS = ("statistics_frozen",)  # what functions of portanet assign that is no argument


def restore_changes(model: Part, architecture: Mapping[str, Any]) -> None:
    """Let a new network be what the saved one was, but for the numbers in its arrays."""
    parts = model.named_parts()
    _check_parts(parts, architecture["parts"])
    for name, changes in architecture["changed"].items():
        for attribute, value in changes.items():
            _change(name, _part(parts, name), attribute, value)
    for name, stream in architecture["streams"].items():
        _set_stream(name, _part(parts, name), stream)
    _share(model, architecture["shared"])
    frozen = set(architecture["frozen"])
    parameters = [(n, h) for n, h in model.named_holders() if isinstance(h, Parameter)]
    if unknown := sorted(frozen - {name for name, _ in parameters}):
        raise CheckpointError(f"frozen are parameters that it has not: {short(unknown)}")
    for name, parameter in parameters:
        parameter.trainable = name not in frozen
    model.named_parameters()  # raises if parameters are shared where nothing adds their gradients


def _check_parts(parts: Mapping[str, Part], wanted: Mapping[str, str]) -> None:
    found = {name: type(part).__name__ for name, part in parts.items()}
    for name in (*found, *wanted):
        came, expected = found.get(name, "nothing"), wanted.get(name, "nothing")
        if came != expected:
            raise CheckpointError(
                f"{short(name)} was a {short(expected)} when it was saved, its constructor makes "
                f"{came}: a part was replaced after its owner was made, or the class has changed"
            )


def _part(parts: Mapping[str, Part], name: str) -> Part:
    if name not in parts:
        raise CheckpointError(f"there is no part {short(name)}")
    return parts[name]


def _change(name: str, part: Part, attribute: str, value: Any) -> None:
    if type(value) is dict and set(value) == {"tuple"} and type(value["tuple"]) is list:
        value = tuple(value["tuple"])
    allowed = attribute[:1] != "_" and attribute.isidentifier() and is_plain(value)
    if not allowed or not _may_be(part, attribute, value):
        raise CheckpointError(
            f"{short(name)}, {short(part)}: {short(attribute)} cannot be {short(value)}"
        )
    setattr(part, attribute, value)


def _may_be(part: Part, attribute: str, value: Any) -> bool:
    """Return whether an attribute may be changed to a value, of public layers and of users' own."""
    missing = object()
    now = vars(part).get(attribute, getattr(type(part), attribute, missing))
    if now is missing or isinstance(getattr(type(part), attribute, None), Option):
        return True  # an option looks at its values itself
    if not type(part).__module__.startswith("portanet."):
        return is_plain(now)
    known = attribute in _ALWAYS or attribute in signature_of(type(part)).parameters
    return known and is_plain(now) and type(now) is type(value)


def _set_stream(name: str, part: Part, stream: Any) -> None:
    is_stream = type(stream) is list and len(stream) == 4 and type(stream[1]) is str
    if not is_stream or not all(map(is_count, (stream[2], stream[3]))):
        raise CheckpointError(
            f"the stream of {short(name)} must be seed, purpose, number and count of draws, is "
            f"{short(stream)}"
        )
    is_seed = type(stream[0]) is int and 0 <= stream[0] < 2**64
    if not is_seed or not isinstance(getattr(part, "key", None), Key) or not hasattr(part, "step"):
        raise CheckpointError(f"{short(name)} draws no numbers, or its seed is {short(stream[0])}")
    part.key, part.step = Key(*stream[:3]), stream[3]  # pyright: ignore[reportAttributeAccessIssue]


def _share(model: Part, shared: Mapping[str, str]) -> None:
    """Let parameters and buffers be one where they were one when the model was saved."""
    holders, seen = dict(model.named_holders()), set[int]()
    for name, other in shared.items():
        if name not in holders or other not in holders or other in shared:
            raise CheckpointError(f"there are no {short(name)} and {short(other)} to be shared")
        if holders[name].form[0] != holders[other].form[0] or name == other:
            raise CheckpointError(f"{short(name)} and {short(other)} cannot be one: other shapes")
    for name, holder in holders.items():
        if name in shared:
            if holder is not holders[shared[name]]:
                _put(model, name, holders[shared[name]])
        elif id(holder) in seen:  # the constructor shares what was told apart later
            _put(model, name, type(holder)(holder.peek()))
        seen.add(id(holder))


def _put(model: Part, name: str, holder: Holder) -> None:
    *path, last = name.split(".")
    owner: Any = model
    for key in path:
        owner = vars(owner)[key] if isinstance(owner, Part) else _item(owner, key)
    if isinstance(owner, Part):
        setattr(owner, last, holder)
    elif isinstance(owner, dict):
        owner[last] = holder
    elif isinstance(owner, list):
        owner[int(last)] = holder
    else:
        raise CheckpointError(f"{short(name)} lies where nothing can be shared")


def _item(owner: Any, key: str) -> Any:
    return owner[key if isinstance(owner, dict) else int(key)]
