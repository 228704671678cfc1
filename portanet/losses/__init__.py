"""The losses."""

from portanet.losses.binary import BCEWithLogits, BinaryCrossEntropy

__all__ = ["BCEWithLogits", "BinaryCrossEntropy"]
