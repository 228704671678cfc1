"""Profiling: a compiled step line by line."""

from portanet.compiler.profiling.profile import Profile, profile

__all__ = ["Profile", "profile"]
