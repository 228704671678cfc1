"""TraceError: why a step cannot be compiled."""

from portanet.errors import PortanetError


class TraceError(PortanetError, TypeError):
    """Something in a step can only be done readably; the words say what."""
