"""Guards: what a plan has taken for granted, by name, and whether it still holds."""

from portanet.compiler.guards.guards import Guards
from portanet.compiler.guards.survey import Survey

__all__ = ["Guards", "Survey"]
