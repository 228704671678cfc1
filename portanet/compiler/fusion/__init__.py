"""Fusion: which operations are done together, and how a loop walks over their arrays."""
