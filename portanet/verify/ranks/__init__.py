"""Ranks: several processes that train one network are held to one process with the joined batch."""

from portanet.verify.ranks.check import run_ranks

__all__ = ["run_ranks"]
