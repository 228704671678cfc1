"""Fields of a dataclass as they come from a file: each is looked at."""

from dataclasses import fields
from math import isfinite
from typing import Any

from portanet.errors import short

# what a field may be, by the text of its annotation
_CHECKS = {
    str: lambda v: isinstance(v, str),
    bool: lambda v: isinstance(v, bool),
    float: lambda v: isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v),
    list[str]: lambda v: isinstance(v, list) and all(isinstance(text, str) for text in v),
    list[Any]: lambda v: isinstance(v, list) and len(v) > 1 and len(set(map(str, v))) == len(v),
}


def fields_of(cls: Any, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a dataclass's fields from an entry that also has its kind.

    Raises KeyError if one is missing, ValueError if one is of another type, or std is not positive.
    """
    found = {field.name: entry[field.name] for field in fields(cls)}
    for field in fields(cls):
        value = found[field.name]
        if not _CHECKS[field.type](value) or (field.name == "std" and value <= 0):  # pyright: ignore
            raise ValueError(f"{field.name} of {short(entry.get('name'))} is {short(value)}")
    return found
