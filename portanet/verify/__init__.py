"""Verification: gradients against finite differences."""

from portanet.verify.gradients import check_gradients

__all__ = ["check_gradients"]
