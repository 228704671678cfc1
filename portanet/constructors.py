"""Constructors that are called with arguments they do not have: the words of the error.

Python's own say neither what there is nor what was meant.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, Protocol

from portanet.errors import CallError, PortanetError, short
from portanet.foreign import NO_OPTIONS, OPTIONS

if TYPE_CHECKING:
    from abc import ABCMeta as _AbstractMeta
else:
    _AbstractMeta = type(Protocol)  # an ABCMeta: a layer may also derive from an ABC or a Protocol

_OF_A_CALL = re.compile(r"[\w.<>]+\(\) (missing|got|takes) ")  # how Python's words begin
_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class CalledType(_AbstractMeta):
    """The type of public classes: a call with wrong arguments is a CallError."""

    # An ABC's own check takes twice as long, and a step makes many of them. It would also ask for
    # classes that were registered: to be a layer, a class derives from Layer.
    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__

    if not TYPE_CHECKING:  # type checkers look at __init__

        def __call__(cls, *args, **options):  # noqa: D102, N805 - a class's method
            noted = cls._note_call(args, options)
            try:
                made = super().__call__(*args, **options)
            except TypeError as error:
                if _OF_A_CALL.match(str(error)) and not isinstance(error, PortanetError):
                    check_call(cls, args, options)
                raise
            if noted is not None:
                noted.put_into(made)
            return made

        def _note_call(cls, args, options):  # noqa: ARG002, N805
            """Return what is to be remembered of a call, None: nothing."""
            return

        @property
        def __signature__(cls):  # noqa: N805
            """The constructor's arguments, which help() and editors show; not those of __call__."""
            own = () if cls.__init__ is object.__init__ else _parameters(cls.__init__)
            return Signature(own)


def signature_of(cls: type) -> Signature:
    """Return the arguments of a constructor, with those that it passes on to the class below it.

    >>> from portanet import SGD
    >>> list(signature_of(SGD).parameters)[:5]
    ['model', 'lr', 'momentum', 'nesterov', 'weight_decay']
    """
    found: dict[str, Parameter] = {}
    whole = True  # until an __init__ passes keywords only on
    variable: list[Parameter] = []  # *args and **options of the last __init__
    for init in (vars(owner)["__init__"] for owner in cls.__mro__ if "__init__" in vars(owner)):
        if init is object.__init__:  # who has passed nothing on takes them itself
            found |= {parameter.name: parameter for parameter in variable}
            break
        own = _parameters(init)
        variable = [parameter for parameter in own if parameter.kind in _VARIABLE]
        for parameter in own:
            if parameter.kind in _VARIABLE or parameter.name in found:
                continue
            if whole:
                found[parameter.name] = parameter
            elif parameter.default is not Parameter.empty:
                found[parameter.name] = parameter.replace(kind=Parameter.KEYWORD_ONLY)
        kinds = {parameter.kind for parameter in own}
        if Parameter.VAR_KEYWORD not in kinds:
            break
        whole = whole and Parameter.VAR_POSITIONAL in kinds
    return Signature(sorted(found.values(), key=lambda parameter: parameter.kind))


def _parameters(init: Any) -> list[Parameter]:
    """Return the parameters of an __init__, without self."""
    return list(signature(init).parameters.values())[1:]


def check_call(cls: type, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise CallError, which says what is wrong, if a constructor does not take these arguments."""
    wanted = signature_of(cls)
    try:
        wanted.bind(*args, **options)
    except TypeError:
        call = f"{cls.__name__}({', '.join(map(_shown, _marked(wanted)))})"
        fault = _fault(wanted, args, options)
        advice = getattr(cls, "how_to_call", "").format(cls.__name__)
        example = f", for example {advice}" if advice and "no place" in fault else ""
        raise CallError(f"{cls.__name__}: {fault}; write {call}{example}") from None


def nearest(name: str, known: list[str]) -> str:
    """Return which of the known names was meant, "" if none is like it.

    >>> nearest("learning_rate", ["lr", "model"]), nearest("momentun", ["momentum", "lr"])
    ('lr', 'momentum')
    """
    of_other_libraries = [n for n in OPTIONS.get(name, "").split() if n in known]
    return " and ".join(of_other_libraries or get_close_matches(name, known, 1))


def _fault(wanted: Signature, args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """Return what is wrong with a call: wanted, and what came."""
    by_place = [p.name for p in wanted.parameters.values() if p.kind in _BY_PLACE]
    kinds = {p.kind for p in wanted.parameters.values()}
    needed = [
        p.name
        for p in wanted.parameters.values()
        if p.default is Parameter.empty and p.kind not in _VARIABLE
    ]
    for name, value in options.items():
        if name not in wanted.parameters and Parameter.VAR_KEYWORD not in kinds:
            meant = nearest(name, list(wanted.parameters))
            hint = f"; here it is called {meant}" if meant else ""
            hint = hint or (f"; {NO_OPTIONS[name]}" if name in NO_OPTIONS else "")
            return f"there is no argument {name}, got {name}={short(value)}{hint}"
        if name in by_place[: len(args)]:
            return f"{name} is given twice, as {short(args[by_place.index(name)])} and by its name"
    if len(args) > len(by_place) and Parameter.VAR_POSITIONAL not in kinds:
        most = " and ".join(by_place) or "nothing"
        return (
            f"without a name takes {most}, got {len(args)} values, of which "
            f"{short(args[len(by_place)])} has no place"
        )
    missing = [name for name in needed if name not in (*by_place[: len(args)], *options)]
    given = [*map(short, args), *(f"{name}={short(value)}" for name, value in options.items())]
    return f"needs {' and '.join(missing)}, got {', '.join(given) or 'nothing'}"


def _marked(wanted: Signature) -> Iterator[Parameter | str]:
    """Yield the parameters, and the "*" before those that need a name."""
    before = None
    for parameter in wanted.parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY and before in (None, *_BY_PLACE):
            yield "*"
        before = parameter.kind
        yield parameter


def _shown(parameter: Parameter | str) -> str:
    if isinstance(parameter, str):
        return parameter
    if parameter.kind in _VARIABLE:
        return str(parameter)
    default = parameter.default
    if default is Parameter.empty:
        return parameter.name
    return f"{parameter.name}={getattr(default, '__name__', repr(default))}"
