"""The error for a name that portanet does not have: what it is called here."""

import sys
from importlib.util import find_spec

from portanet.errors import MissingNameError
from portanet.foreign import NAMES
from portanet.guesses import near_names


def unknown_name(
    name: str, known: list[str], package: str = "portanet"
) -> AttributeError | ImportError:
    """Return the error for portanet.name, or that of a package of portanet's.

    For `from portanet import name` that is an ImportError: of an AttributeError Python would keep
    nothing but the name. A submodule that is not loaded yet stays an AttributeError, as Python
    imports it then.
    """
    message = f"{package}: there is no {name} here{_advice(name, known, package)}"
    if _is_import() and find_spec(f"{package}.{name}") is None:
        return ImportError(message)
    return MissingNameError(message)


def _advice(name: str, known: list[str], package: str) -> str:
    if name in NAMES and package == "portanet":
        return f"; what you may want is {NAMES[name]}"
    near = near_names(name, known)
    return f"; like it are {', '.join(near)}" if near else f"; dir({package}) lists what there is"


def _is_import() -> bool:
    """Return whether an import statement asks: it looks whether a package has its names."""
    frame = sys._getframe(3)  # beyond unknown_name and portanet.__getattr__
    return frame.f_code.co_name == "_handle_fromlist"
