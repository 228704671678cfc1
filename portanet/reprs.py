"""Short texts of objects, which can be typed in where that is possible."""

from functools import cache
from inspect import Parameter, signature
from typing import Any

_VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def call_of(thing: Any, *arguments: Any, **options: Any) -> str:
    """Return the call that makes a thing: its arguments, and the options that are not the default.

    >>> from portanet import Linear
    >>> call_of(Linear(3, 4), 3, 4, bias=True), call_of(Linear(3, 4), 3, 4, bias=False)
    ('Linear(3, 4)', 'Linear(3, 4, bias=False)')
    """
    defaults = _defaults(type(thing))
    words = [text_of(argument) for argument in arguments]
    for name, value in options.items():
        default = defaults.get(name, Parameter.empty)
        if type(value) is not type(default) or value != default:
            words.append(f"{name}={text_of(value)}")
    return f"{type(thing).__name__}({', '.join(words)})"


def own_call(thing: Any) -> str:
    """Return the call that makes a thing which has attributes of its constructor's names.

    "..." stands for an argument that it has not kept.
    """
    arguments, options, kept = [], {}, vars(thing)
    for name, default in _defaults(type(thing)).items():
        if default is Parameter.empty:
            arguments.append(kept.get(name, ...))
        elif name in kept:
            options[name] = kept[name]
    return call_of(thing, *arguments, **options)


def text_of(value: Any) -> str:
    """Return the text of a value; "..." for one that holds arrays."""
    if value is ... or hasattr(value, "ndim") or hasattr(value, "peek"):
        return "..."
    if isinstance(value, list | tuple):
        inner = ", ".join(map(text_of, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    name = getattr(value, "__qualname__", None)
    return repr(value) if name is None else str(name)


@cache
def _defaults(kind: type) -> dict[str, Any]:
    """Return the parameters of a class's constructor and their defaults; empty: there is none."""
    if kind.__init__ is object.__init__:
        return {}
    parameters = list(signature(kind.__init__).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.kind not in _VARIADIC}
