"""TraceError and Unsettled: why a step cannot be compiled."""

from portanet.errors import PortanetError


class TraceError(PortanetError, TypeError):
    """Something in a step can only be done readably; the words say what."""


class Unsettled(TraceError):
    """A step changes an attribute of a layer: for the first time, or in every step."""
