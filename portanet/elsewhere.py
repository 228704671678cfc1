"""Methods that other libraries have and this one has not: whoever asks is told what there is.

Classes get the names of their kind by deriving from one of the classes here. The names are
descriptors without a value, which Python looks at only when an object has nothing of that name: so
whatever is there costs nothing, and a class may define such a name itself.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from portanet.errors import MissingNameError
from portanet.foreign import DATA, NETWORK, OPTIMIZER, PARAMETER, TRAINER


class _Missing:
    """A name that is not here. Asking for it is an AttributeError, so hasattr gives False."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice

    def __get__(self, instance: Any, owner: type) -> Any:
        raise MissingNameError(f"{owner.__name__}: there is no .{self.name} here; {self.advice}")


class _Elsewhere:
    """A class with names that are missing; dir() leaves them out."""

    _missing: ClassVar[Mapping[str, str]] = {}

    def __dir__(self) -> list[str]:
        absent = {name for name in self._missing if not hasattr(self, name)}
        return [name for name in super().__dir__() if name not in absent]


class OfNetworks(_Elsewhere):
    """What networks, layers and losses have elsewhere."""


class OfParameters(_Elsewhere):
    """What parameters have elsewhere, where they are arrays themselves."""


class OfOptimizers(_Elsewhere):
    """What optimizers have elsewhere."""


class OfTrainers(_Elsewhere):
    """What trainers have elsewhere."""


class OfLoaders(_Elsewhere):
    """What loaders and data sets have elsewhere."""


def _fill(kind: type[_Elsewhere], table: Mapping[str, str]) -> None:
    kind._missing = table
    for name, advice in table.items():
        setattr(kind, name, _Missing(name, advice))


_fill(OfNetworks, NETWORK)
_fill(OfParameters, PARAMETER)
_fill(OfOptimizers, OPTIMIZER)
_fill(OfTrainers, TRAINER)
_fill(OfLoaders, DATA)
