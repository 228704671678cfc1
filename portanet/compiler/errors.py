"""TraceError, UnsettledError, PlanError, NotCompiledWarning: why a step cannot be compiled."""

from portanet.errors import PortanetError


class TraceError(PortanetError, TypeError):
    """Something in a step can only be done readably; the words say what."""


class UnsettledError(TraceError):
    """A step changes an attribute of a layer: for the first time, or in every step."""


class PlanError(PortanetError, ValueError):
    """A graph cannot be laid out in memory as it was traced; the words say what."""


class NotCompiledWarning(UserWarning):
    """A step is taken as it is written, since it could not be compiled; the words say why."""
